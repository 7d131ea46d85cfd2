// The demo's policy, as a person would write it.

/** `folder` is the one that the file rule opens. */
export function demoPolicy(folder: string): string {
  return `version: 1
default: deny
rules:
  - id: no-salaries
    description: Salaries are for nobody's agent
    tool: "postgres.query"
    decision: deny
    conditions: { resources: ["hr.*"] }

  - id: customers-redacted
    description: Customers, without their addresses
    tool: "postgres.query"
    decision: allow
    conditions: { operations: [read], resources: ["public.customers"] }
    redact: [email, { fields: ["*.phone"], with: mask }]

  - id: read-orders
    description: Orders may be read
    tool: "postgres.query"
    decision: allow
    conditions: { operations: [read], resources: ["public.*"] }
    limits: { max_rows: 100, timeout: 5s }

  - id: price-list
    description: The price list, twice in five seconds at most
    tool: "sqlite.query"
    decision: allow
    conditions: { operations: [read], resources: ["products", "main.products"] }
    limits: { rate_limit: { calls: 2, per: 5s, by: key } }

  - id: public-files
    description: Files of the public folder may be read and listed
    tool: ["files/read_text_file", "files/list_directory"]
    decision: allow
    conditions: { path_prefix: ${JSON.stringify(folder)} }

tests:
  - name: salaries are denied
    call: { tool: postgres.query, arguments: { sql: "select * from hr.salaries" } }
    expect: deny
  - name: orders are allowed
    call: { tool: postgres.query, arguments: { sql: "select id from public.orders" } }
    expect: allow
`
}
