// Requests of the modern era, as a client writes them.

/** The params with what every such request says of itself. */
export function modern(params: object, capabilities: object = { elicitation: {} }) {
  return {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'modern-client', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    },
  }
}
