// A database with something of everything that a statement may touch, or hide.
import type { Column, Table, Type } from './differential-grammar.ts'

/** The CREATE statements, each by itself, as a database lists them. */
export const worldSchema: readonly string[] = [
  `CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE, born TEXT, active INT, score REAL, profile TEXT, manager_id INT)`,
  `CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INT REFERENCES users(id) ON DELETE CASCADE, total REAL, placed TEXT, status TEXT, note TEXT)`,
  `CREATE TABLE items(order_id INT, sku TEXT, qty INT, price REAL, cost REAL GENERATED ALWAYS AS (qty * price) VIRTUAL, PRIMARY KEY (order_id, sku)) WITHOUT ROWID`,
  `CREATE TABLE salaries(user_id INT, amount REAL, ssn TEXT)`,
  `CREATE TABLE counters(name TEXT PRIMARY KEY, n INT) STRICT`,
  `CREATE TABLE audit(at TEXT, what TEXT)`,
  `CREATE TABLE "update"(id INT, "delete" TEXT, "select" INT)`,
  `CREATE TABLE "Order Lines"("Line ID" INT, "semi;colon" TEXT)`,
  `CREATE TABLE [bracket table](id INT, v TEXT)`,
  `CREATE TABLE "Größe"("Zahl" INT, "prénom" TEXT)`,
  `CREATE VIRTUAL TABLE docs USING fts5(title, body)`,
  `CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2)`,
  `CREATE VIEW active_users AS SELECT id, name, email FROM users WHERE active`,
  `CREATE VIEW pay AS SELECT u.name, s.amount FROM users u JOIN salaries s ON s.user_id = u.id`,
  `CREATE INDEX orders_by_user ON orders(user_id)`,
  `CREATE INDEX users_by_lower ON users(lower(email)) WHERE active`,
  `CREATE TRIGGER logged AFTER INSERT ON orders BEGIN INSERT INTO audit VALUES ('now', 'orders'); UPDATE counters SET n = n + 1; END`,
  `CREATE TRIGGER paid INSTEAD OF UPDATE ON pay BEGIN UPDATE salaries SET amount = new.amount; END`,
]

export const worldRows = `
WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 4) INSERT INTO users SELECT g, 'User ' || g, 'u' || g || '@example.com',
  date('1980-01-01', '+' || g || ' years'), g % 2, g * 1.5, json_object('plan', 'p' || (g % 2), 'n', g, 'l', json_array('a', g)), nullif(g / 2, 0) FROM s;
WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 4) INSERT INTO orders(user_id, total, placed, status, note) SELECT 1 + g % 3,
  g * 10.25, date('2025-01-01', '+' || g || ' days'), CASE g % 3 WHEN 0 THEN 'new' ELSE 'paid' END, 'note ' || g FROM s;
WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 4) INSERT INTO items(order_id, sku, qty, price) SELECT g, 'S' || g, g % 4, g * 2.0 FROM s;
INSERT INTO salaries VALUES (1, 1000, '000-1'), (2, 2000, '000-2'); INSERT INTO counters VALUES ('hits', 0);
INSERT INTO "update" VALUES (1, 'd', 5); INSERT INTO "Order Lines" VALUES (1, 'a;b'); INSERT INTO [bracket table] VALUES (1, 'x'); INSERT INTO "Größe" VALUES (1, 'Zoë');
INSERT INTO docs VALUES ('fox', 'the quick brown fox'), ('dog', 'lazy dog'); INSERT INTO boxes VALUES (1, 0, 2);
`

const columns = (list: Record<string, Type>): Column[] =>
  Object.entries(list).map(([name, type]) => ({ name, type }))

/** The tables and views of the world. */
export const worldTables: Table[] = (
  [
    [
      'users',
      { id: 'int', name: 'text', email: 'text', born: 'date', active: 'bool', score: 'num', profile: 'json' },
    ],
    ['orders', { id: 'int', user_id: 'int', total: 'num', placed: 'date', note: 'text' }],
    ['items', { order_id: 'int', sku: 'text', qty: 'int', price: 'num', cost: 'num' }],
    ['salaries', { user_id: 'int', amount: 'num', ssn: 'text' }],
    ['update', { id: 'int', delete: 'text', select: 'int' }],
    ['Order Lines', { 'Line ID': 'int', 'semi;colon': 'text' }],
    ['bracket table', { id: 'int', v: 'text' }],
    ['Größe', { Zahl: 'int', prénom: 'text' }],
    ['active_users', { id: 'int', name: 'text', email: 'text' }],
    ['pay', { name: 'text', amount: 'num' }],
  ] as [string, Record<string, Type>][]
).map(([name, list]) => ({ schema: '', name, columns: columns(list) }))
