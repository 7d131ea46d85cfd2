// A MariaDB with a small shop in it, and a connector to it: what the tests of the MySQL connector run on.
import mysql from 'mysql2/promise'
import { startMariadb, type Mariadb } from '@mcpshield/testkit/mariadb'
import type { ConnectionSpec, Grant, Statements } from '../src/connectors/connector.ts'
import { mysqlConnector } from '../src/connectors/mysql.ts'
import { makeGrant } from './grant.ts'

export type Shop = AsyncDisposable & {
  server: Mariadb
  admin: mysql.Connection
  connector: Statements
  /** What the connector warned of. */
  warnings: string[]
  /** The first value that a statement gives to the administrator. */
  scalar(sql: string): Promise<unknown>
  /** What the connector says of a statement that fails. */
  message(sql: string, change?: Partial<Grant>): Promise<string>
  /** How many sessions run a statement that holds this text. */
  running(part: string): Promise<number>
}

export const shopSpec = (url: string, change: Partial<ConnectionSpec> = {}): ConnectionSpec => ({
  name: 'shop',
  kind: 'mysql',
  url,
  path: null,
  options: {},
  ...change,
})

export async function startShop(): Promise<Shop> {
  const server = await startMariadb()
  const admin = await mysql.createConnection({ uri: server.url, multipleStatements: true })
  await admin.query(CONTENT)
  const warnings: string[] = []
  const connector = mysqlConnector(shopSpec(server.url), (warning) => warnings.push(warning))
  const scalar = async (sql: string) => {
    const [rows] = await admin.query<mysql.RowDataPacket[]>({ sql, rowsAsArray: true })
    return (rows[0] as unknown as unknown[] | undefined)?.[0]
  }
  return {
    server,
    admin,
    connector,
    warnings,
    scalar,
    message: (sql, change = {}) =>
      connector.query(sql, makeGrant(change)).then(
        () => 'no failure',
        (error: Error) => error.message,
      ),
    running: async (part) =>
      Number(
        await scalar(
          `select count(*) from information_schema.processlist where info like '%${part}%' and id <> connection_id()`,
        ),
      ),
    async [Symbol.asyncDispose]() {
      await connector[Symbol.asyncDispose]()
      await admin.end()
      await server[Symbol.asyncDispose]()
    },
  }
}

const CONTENT = `
  create table events (id bigint primary key, note varchar(100), amount decimal(20,4), at datetime(3), day date,
    took time, raw varbinary(20), bits bit(4), doc json, ratio float, exact double, place point, made_of varchar(120) as (note));
  insert into events (id, note, amount, at, day, took, raw, bits, doc, ratio, exact, place) values
    (1, 'one', 1.10, '2026-01-02 03:04:05.678', '2026-01-02', '-12:30:00', x'00ff', b'1010', '{"n": 9007199254740993, "a": [1.5]}', 1.1, 0.1, point(1, 2)),
    (9007199254740993, null, null, null, null, null, null, null, null, null, null, null);
  create table many as select seq as n from seq_1_to_10000;
  create table accounts (id int primary key, name varchar(20), password varchar(20), unique (password));
  insert into accounts values (1, 'ann', 'hunter2'), (2, 'bob', 'swordfish');
  create table \`odd.users\` (\`home.email\` varchar(20));
  create view people as select name, password as nick from accounts;
  create sequence numbers;
  create function peek() returns int deterministic reads sql data return (select count(*) from events);
  create function poke() returns int begin delete from events; return 1; end;
  create database other;
  create table other.events (id int);`
