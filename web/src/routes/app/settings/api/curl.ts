const CALL = { tool: 'postgres.query', arguments: { sql: 'select 1' } }

/** A request that somebody can paste into a shell. */
export function curlExample(apiUrl: string): string {
  return [
    `curl ${apiUrl}/policy/evaluate \\`,
    `  --header "X-API-Key: $MCPSHIELD_API_KEY" \\`,
    `  --header "Content-Type: application/json" \\`,
    `  --data '${JSON.stringify(CALL)}'`,
  ].join('\n')
}
