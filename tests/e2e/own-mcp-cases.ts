// Raw abuse of our own: for each kind of malformed, mislabelled or stolen request a line, and beside it the nearest that is
// good. `{{…}}` are filled in where the cases are run.
import type { GeneratedBody, McpCase } from './mcp-case.ts'

type Headers = Record<string, string | string[]>
type Body = Pick<McpCase['request'], 'body' | 'bodyRaw' | 'bodyHex' | 'bodyGen'>
type Expect = McpCase['expect']
type Line = Omit<McpCase, 'id'>

const JSON_RPC = { jsonrpc: '2.0', id: 1 }
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'abuse', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
}

const base: Headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: 'Bearer {{TOKEN_A}}',
}
const inSession: Headers = {
  ...base,
  'mcp-session-id': '{{SESSION_A}}',
  'mcp-protocol-version': '2025-11-25',
}
const modernHeaders = (method: string, name?: string): Headers => ({
  ...base,
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...(name === undefined ? {} : { 'mcp-name': name }),
})

const call = (name: unknown, args: unknown = { text: 'hi' }, more: object = {}) => ({
  ...JSON_RPC,
  method: 'tools/call',
  params: { name, arguments: args, ...more },
})
const echo = call('safe_echo')
const modernCall = (name: string, args: object = { text: 'hi' }, more: object = {}) =>
  call(name, args, { _meta: META, ...more })

const accepted: Expect = { decision: 'accept', status: [200], jsonrpcErrors: [], toolRan: true }
const answered: Expect = { ...accepted, toolRan: false }
const refused = (status: number[], ...jsonrpcErrors: Expect['jsonrpcErrors']): Expect => ({
  decision: 'reject',
  status,
  jsonrpcErrors,
  toolRan: false,
})
const denied: Expect = { decision: 'policy-deny', status: [200], jsonrpcErrors: ['isError'], toolRan: false }
const unread = refused([400], -32_700)
const invalid = refused([400], -32_600)
const mismatched = refused([400], -32_020)

const without = (headers: Headers, name: string): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name))
const line = (description: string, headers: Headers, body: Body, expect: Expect): Line => ({
  description,
  request: { method: 'POST', path: '/mcp', headers, ...body },
  expect,
})
const legacy = (description: string, body: Body, expect: Expect, headers: Headers = {}) =>
  line(description, { ...inSession, ...headers }, body, expect)
const raw = (description: string, bodyRaw: string, expect: Expect) => legacy(description, { bodyRaw }, expect)
const generated = (description: string, bodyGen: GeneratedBody, expect: Expect) =>
  legacy(description, { bodyGen }, expect)
const other = (
  method: string,
  path: string,
  description: string,
  expect: Expect,
  headers: Headers = inSession,
) => ({
  description,
  request: { method, path, headers, ...(method === 'GET' || method === 'DELETE' ? {} : { body: echo }) },
  expect,
})

const framing: Line[] = [
  legacy('a call in a session', { body: echo }, accepted),
  legacy('a call of the tool that is denied to A', { body: call('danger_delete') }, denied),
  raw('a byte order mark before the message', `\uFEFF${JSON.stringify(echo)}`, unread),
  raw(
    'two messages, one after the other',
    `${JSON.stringify(echo)}\n${JSON.stringify(call('danger_delete'))}`,
    unread,
  ),
  raw('rubbish after the message', `${JSON.stringify(echo)}}`, unread),
  raw('a comment in the message', JSON.stringify(echo).replace('{', '{/* x */'), unread),
  raw('a comma before the end', JSON.stringify(echo).replace(/}$/, ',}'), unread),
  raw('white space alone', ' \r\n\t ', unread),
  raw('half a message', JSON.stringify(echo).slice(0, 40), unread),
  raw('a line break within a text', JSON.stringify(echo).replace('hi', 'h\ni'), unread),
  legacy('one message in a list', { body: [echo] }, invalid),
  legacy('a text', { body: 'tools/call' }, invalid),
  legacy('null', { body: null }, invalid),
  legacy(
    'bytes that are no UTF-8',
    { bodyHex: Buffer.from(JSON.stringify(echo)).toString('hex').replace('6869', 'c328') },
    unread,
  ),
  legacy('UTF-16', { bodyHex: Buffer.from(JSON.stringify(echo), 'utf16le').toString('hex') }, unread),
  legacy('a version that is not 2.0', { body: { ...echo, jsonrpc: '1.0' } }, invalid),
  legacy('no version', { body: { id: 1, method: 'tools/call', params: echo.params } }, invalid),
  legacy('params in a list', { body: { ...echo, params: ['safe_echo', { text: 'x' }] } }, invalid),
  legacy('an id that is no integer', { body: { ...echo, id: 1.5 } }, invalid),
  legacy('an id that is null', { body: { ...echo, id: null } }, invalid),
  legacy('an id that is an object', { body: { ...echo, id: {} } }, invalid),
  legacy(
    'a call as a notification, with an unknown method',
    { body: { jsonrpc: '2.0', method: 'danger/notify' } },
    invalid,
  ),
  legacy(
    'an answer that is result and error',
    { body: { ...JSON_RPC, result: {}, error: { code: 1, message: 'x' } } },
    invalid,
  ),
]

const keys: Line[] = [
  raw(
    'the name twice',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe_echo","name":"danger_delete","arguments":{}}}',
    unread,
  ),
  raw(
    'the method twice',
    '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"danger_delete","arguments":{}}}',
    unread,
  ),
  raw(
    'the name twice, once with an escaped letter',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe_echo","n\\u0061me":"danger_delete","arguments":{}}}',
    unread,
  ),
  raw(
    'an argument twice',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe_echo","arguments":{"text":"a","text":"b"}}}',
    unread,
  ),
  raw(
    '__proto__ with a name of its own',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"__proto__":{"name":"safe_echo"},"arguments":{}}}',
    refused([200, 400], -32_602, -32_700),
  ),
  raw(
    'constructor.prototype in the arguments',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger_delete","arguments":{"constructor":{"prototype":{"isAdmin":true}}}}}',
    denied,
  ),
  legacy(
    'the name under another case of the key',
    { body: { ...JSON_RPC, method: 'tools/call', params: { Name: 'safe_echo', arguments: {} } } },
    refused([200], -32_602),
  ),
  legacy(
    'the method under another case of the key',
    { body: { ...JSON_RPC, Method: 'tools/call', params: echo.params } },
    invalid,
  ),
  {
    ...legacy(
      'a member beside the message that names another tool',
      { body: { ...echo, Params: { name: 'danger_delete' } } },
      accepted,
    ),
    expect: { ...accepted, mustNotRun: ['danger_delete'], mustNotForward: ['Params'] },
  },
]

const toolNames: Line[] = [
  ...[
    ['in capitals', 'SAFE_ECHO'],
    ['with a space after it', 'safe_echo '],
    ['with a line break after it', 'safe_echo\n'],
    ['with the server before it', 'cases/safe_echo'],
    ['with the wire name’s prefix', 'cases__safe_echo'],
    ['that climbs', 'safe_echo/../danger_delete'],
    ['percent-encoded', 'safe%5Fecho'],
    ['with a Cyrillic a', 's\u0430fe_echo'],
    ['in full-width letters', '\uFF53afe_echo'],
    ['with a zero-width space', 'safe\u200B_echo'],
    ['written from right to left', '\u202Eohce_efas'],
    ['that is a glob', '*'],
    ['that is half a surrogate', 'safe_echo\uD800'],
    ['of 129 letters', 'a'.repeat(129)],
    ['of a connector', 'postgres.query'],
    ['constructor', 'constructor'],
  ].map(([how, name]) =>
    legacy(
      `a tool name ${how}`,
      { body: call(name) },
      { ...denied, status: [200, 400], jsonrpcErrors: ['isError', -32_602, -32_700] },
    ),
  ),
  ...[null, true, {}, undefined].map((name) =>
    legacy(
      `a tool name that is ${JSON.stringify(name) ?? 'absent'}`,
      { body: call(name) },
      refused([200], -32_602),
    ),
  ),
  legacy('arguments in a list', { body: call('safe_echo', ['hi']) }, refused([200], -32_602)),
  legacy('arguments that are a text', { body: call('safe_echo', '{"text":"hi"}') }, refused([200], -32_602)),
]

const sizes: Line[] = [
  generated('objects in objects, 40 deep', { kind: 'deep-args', depth: 40 }, accepted),
  generated('objects in objects, 65 deep', { kind: 'deep-args', depth: 65 }, unread),
  generated('lists in lists, 100,000 deep', { kind: 'deep-arrays', depth: 100_000 }, unread),
  generated('an argument of half a megabyte', { kind: 'long-argument', letters: 500_000 }, accepted),
  generated(
    'an argument of two megabytes',
    { kind: 'long-argument', letters: 2_000_000 },
    refused([413], -32_600),
  ),
  generated(
    '20,000 arguments',
    { kind: 'many-arguments', count: 20_000 },
    {
      ...accepted,
      decision: 'either',
      status: [200, 400],
      jsonrpcErrors: ['isError', -32_700],
      toolRan: null,
    },
  ),
  legacy('a length that promises more than the limit', { bodyRaw: '{' }, refused([413], -32_600), {
    'content-length': '99999999',
  }),
  legacy(
    'a packed body of one call',
    { bodyGen: { kind: 'gzip-spaces', bytes: 10 } },
    refused([415], -32_600),
    { 'content-encoding': 'gzip' },
  ),
  legacy('a body packed in a way nobody knows', { body: echo }, refused([415], -32_600), {
    'content-encoding': 'br, gzip',
  }),
  legacy('a body that says it is not packed', { body: echo }, accepted, { 'content-encoding': 'identity' }),
]

const http: Line[] = [
  other('PATCH', '/mcp', 'PATCH', refused([405])),
  other('HEAD', '/mcp', 'HEAD', refused([405])),
  other('TRACE', '/mcp', 'TRACE', refused([405, 400])),
  other('PURGE', '/mcp', 'a method nobody knows', refused([405, 400])),
  other('POST', '/mcp/', 'a slash after the path', refused([404], -32_601)),
  other('POST', '/mcp/..', 'a path that climbs', refused([404], -32_601)),
  other('POST', '/mcp%2F', 'an encoded slash', refused([404], -32_601)),
  other('POST', '/mcp;x=1', 'a parameter in the path', refused([404], -32_601)),
  other('GET', '/mcp', 'GET without a session', refused([405]), { ...base, accept: 'text/event-stream' }),
  other('GET', '/mcp', 'GET in the modern era', refused([405]), {
    ...base,
    accept: 'text/event-stream',
    'mcp-protocol-version': '2026-07-28',
  }),
  other('DELETE', '/mcp', 'DELETE without a session', refused([400], -32_600), base),
  legacy('no content type', { body: echo }, refused([415], -32_600), { 'content-type': [] }),
  legacy('a content type of forms', { body: echo }, refused([415], -32_600), {
    'content-type': 'application/x-www-form-urlencoded',
  }),
  legacy('a content type that begins like JSON', { body: echo }, refused([415], -32_600), {
    'content-type': 'application/json-patch+json',
  }),
  legacy('two content types', { body: echo }, refused([400, 415], -32_600), {
    'content-type': ['application/json', 'text/plain'],
  }),
  legacy('JSON in another charset', { body: echo }, refused([415], -32_600), {
    'content-type': 'application/json; charset=utf-16',
  }),
  legacy(
    'two lengths',
    { body: echo },
    { ...refused([400]), orConnectionClosed: true },
    { 'content-length': ['10', '200'] },
  ),
  legacy(
    'a transfer coding that is not the last',
    { bodyRaw: '0\r\n\r\n' },
    { ...refused([400, 501]), orConnectionClosed: true },
    { 'transfer-encoding': 'chunked, identity' },
  ),
  legacy(
    'a chunk size that is no number',
    { bodyRaw: 'zz\r\n{}\r\n0\r\n\r\n' },
    { ...refused([400]), orConnectionClosed: true },
    { 'transfer-encoding': 'chunked' },
  ),
  legacy(
    'a header name with a space',
    { body: echo },
    { ...refused([400]), orConnectionClosed: true },
    { 'x-api-key ': '{{TOKEN_B}}' },
  ),
  legacy(
    'a header of 40 kilobytes',
    { body: echo },
    { ...refused([431, 400]), orConnectionClosed: true },
    { 'x-long': 'x'.repeat(40_000) },
  ),
]

const originsAndHosts: Line[] = [
  legacy('the allowed origin', { body: echo }, accepted, { origin: '{{ALLOWED_ORIGIN}}' }),
  ...[
    ['a subdomain of the allowed one', 'https://evil.app.example.com'],
    ['the allowed one as a prefix', 'https://app.example.com.evil.example'],
    ['the allowed one with a slash', '{{ALLOWED_ORIGIN}}/'],
    ['the allowed one in capitals', 'HTTPS://APP.EXAMPLE.COM'],
    ['null', 'null'],
    ['empty', ''],
    ['the gateway itself', 'http://127.0.0.1:{{PORT}}'],
    ['with a user before it', 'https://x@app.example.com'],
  ].map(([how, origin]) =>
    legacy(`an origin: ${how}`, { body: echo }, refused([403]), { origin: origin ?? '' }),
  ),
  legacy('two origins', { body: echo }, refused([400, 403]), {
    origin: ['{{ALLOWED_ORIGIN}}', 'https://evil.example'],
  }),
  legacy('localhost by name', { body: echo }, accepted, { host: 'localhost:{{PORT}}' }),
  ...[
    ['a stranger’s', 'evil.example'],
    ['with another port', '127.0.0.1:1'],
    ['the right one with a user', 'user@127.0.0.1:{{PORT}}'],
    ['with a dot after it', 'localhost.:{{PORT}}'],
    ['of the same machine in other digits', '2130706433:{{PORT}}'],
    ['empty', ''],
  ].map(([how, host]) => legacy(`a host: ${how}`, { body: echo }, refused([403, 400]), { host: host ?? '' })),
  legacy(
    'two hosts',
    { body: echo },
    { ...refused([400, 403]), orConnectionClosed: true },
    { host: ['127.0.0.1:{{PORT}}', 'evil.example'] },
  ),
]

const challenged: Expect = { ...refused([401]), header: { 'www-authenticate': 'present' } }
const auth: Line[] = [
  line('no credential', without(inSession, 'authorization'), { body: echo }, challenged),
  legacy('an empty bearer', { body: echo }, challenged, { authorization: 'Bearer ' }),
  legacy('basic', { body: echo }, challenged, { authorization: 'Basic e3tUT0tFTl9BfX06' }),
  legacy('a key with its last letter changed', { body: echo }, challenged, {
    authorization: 'Bearer {{TOKEN_A}}x',
  }),
  legacy('the key in capitals', { body: echo }, challenged, { authorization: 'Bearer {{TOKEN_A_UPPER}}' }),
  legacy('a token without a signature', { body: echo }, challenged, {
    authorization: 'Bearer {{TOKEN_UNSIGNED}}',
  }),
  legacy('two keys in two headers', { body: echo }, refused([400, 401]), { 'x-api-key': '{{TOKEN_B}}' }),
  legacy('two keys in one kind of header', { body: echo }, refused([400, 401]), {
    authorization: ['Bearer {{TOKEN_A}}', 'Bearer {{TOKEN_B}}'],
  }),
  {
    ...other(
      'POST',
      '/mcp?api_key={{TOKEN_A}}',
      'the key in the address',
      challenged,
      without(inSession, 'authorization'),
    ),
  },
  legacy('a key that was revoked', { body: echo }, challenged, { authorization: 'Bearer {{TOKEN_REVOKED}}' }),
  legacy('a key of another project', { body: echo }, refused([404, 403, 401]), {
    authorization: 'Bearer {{TOKEN_STRANGER}}',
  }),
  legacy(
    'a key that is not meant for this server',
    { body: echo },
    { ...denied, decision: 'reject', status: [200, 403, 404], jsonrpcErrors: ['isError', -31_403, -32_001] },
    { authorization: 'Bearer {{TOKEN_ELSEWHERE}}', 'mcp-session-id': '{{SESSION_ELSEWHERE}}' },
  ),
]

const sessions: Line[] = [
  line('a call without a session', without(inSession, 'mcp-session-id'), { body: echo }, accepted),
  legacy('a session of another key', { body: echo }, refused([404], -32_001), {
    'mcp-session-id': '{{SESSION_B}}',
  }),
  legacy('a session with its last letter changed', { body: echo }, refused([404], -32_001), {
    'mcp-session-id': '{{SESSION_A}}x',
  }),
  legacy('an empty session', { body: echo }, refused([404, 400], -32_001, -32_600), { 'mcp-session-id': '' }),
  legacy('a session of 20,000 letters', { body: echo }, refused([404], -32_001), {
    'mcp-session-id': 'a.'.repeat(10_000),
  }),
  legacy('two sessions', { body: echo }, refused([400], -32_600), {
    'mcp-session-id': ['{{SESSION_A}}', '{{SESSION_B}}'],
  }),
  legacy('a session that was ended', { body: echo }, refused([404], -32_001), {
    'mcp-session-id': '{{SESSION_ENDED}}',
  }),
  other('DELETE', '/mcp', 'the end of another key’s session', refused([404], -32_001), {
    ...inSession,
    'mcp-session-id': '{{SESSION_B}}',
  }),
  other('GET', '/mcp', 'the stream of another key’s session', refused([404], -32_001), {
    ...inSession,
    accept: 'text/event-stream',
    'mcp-session-id': '{{SESSION_B}}',
  }),
  other('GET', '/mcp', 'the events of another session', refused([400, 404]), {
    ...inSession,
    accept: 'text/event-stream',
    'last-event-id': '{{EVENT_B}}',
  }),
  other('GET', '/mcp', 'an event that never was', refused([400], -32_600), {
    ...inSession,
    accept: 'text/event-stream',
    'last-event-id': 'x',
  }),
  legacy('a revision nobody knows', { body: echo }, refused([400], -32_022), {
    'mcp-protocol-version': '2025-11-26',
  }),
  legacy('two revisions', { body: echo }, refused([400]), {
    'mcp-protocol-version': ['2025-11-25', '2026-07-28'],
  }),
  legacy(
    'an answer to a question of another client',
    { body: { jsonrpc: '2.0', id: '{{QUESTION_B}}', result: { action: 'accept', content: {} } } },
    { ...answered, decision: 'either', status: [202, 400] },
  ),
  legacy('the same id as another client’s at once', { body: call('safe_echo', { text: 'of A' }) }, accepted),
]

const modern: Line[] = [
  line('a call', modernHeaders('tools/call', 'safe_echo'), { body: modernCall('safe_echo') }, accepted),
  line(
    'a denied call',
    modernHeaders('tools/call', 'danger_delete'),
    { body: modernCall('danger_delete') },
    denied,
  ),
  line(
    'Mcp-Name of an allowed tool, a denied one in the body',
    modernHeaders('tools/call', 'safe_echo'),
    { body: modernCall('danger_delete') },
    mismatched,
  ),
  line('Mcp-Name missing', modernHeaders('tools/call'), { body: modernCall('safe_echo') }, mismatched),
  line(
    'Mcp-Method missing',
    without(modernHeaders('tools/call', 'safe_echo'), 'mcp-method'),
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'Mcp-Method of another method',
    modernHeaders('tools/list', 'safe_echo'),
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'Mcp-Name twice',
    { ...modernHeaders('tools/call'), 'mcp-name': ['safe_echo', 'danger_delete'] },
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'Mcp-Name in Base64',
    modernHeaders('tools/call', `=?base64?${Buffer.from('safe_echo').toString('base64')}?=`),
    { body: modernCall('safe_echo') },
    accepted,
  ),
  line(
    'Mcp-Name in Base64, of another tool',
    modernHeaders('tools/call', `=?base64?${Buffer.from('danger_delete').toString('base64')}?=`),
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'Mcp-Name in Base64 with bits left over',
    modernHeaders('tools/call', '=?base64?c2FmZV9lY2hvX==?='),
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'a revision in the header alone',
    modernHeaders('tools/call', 'safe_echo'),
    { body: echo },
    refused([400], -32_602, -32_020),
  ),
  line(
    'a revision in the body alone',
    without(modernHeaders('tools/call', 'safe_echo'), 'mcp-protocol-version'),
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'two revisions, in header and body',
    { ...modernHeaders('tools/call', 'safe_echo'), 'mcp-protocol-version': '2025-11-25' },
    { body: modernCall('safe_echo') },
    mismatched,
  ),
  line(
    'a revision of the future in both',
    { ...modernHeaders('tools/call', 'safe_echo'), 'mcp-protocol-version': '2027-01-01' },
    {
      body: call(
        'safe_echo',
        {},
        { _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': '2027-01-01' } },
      ),
    },
    refused([400], -32_022),
  ),
  line(
    'no capabilities',
    modernHeaders('tools/call', 'safe_echo'),
    { body: call('safe_echo', {}, { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }) },
    refused([400], -32_602),
  ),
  line(
    'a parameter’s header',
    { ...modernHeaders('tools/call', 'region_query'), 'mcp-param-region': 'eu' },
    { body: modernCall('region_query', { region: 'eu' }) },
    accepted,
  ),
  line(
    'a parameter’s header that says something else',
    { ...modernHeaders('tools/call', 'region_query'), 'mcp-param-region': 'us' },
    { body: modernCall('region_query', { region: 'eu' }) },
    mismatched,
  ),
  line(
    'a parameter’s header without the parameter',
    { ...modernHeaders('tools/call', 'region_query'), 'mcp-param-region': 'eu' },
    { body: modernCall('region_query', {}) },
    mismatched,
  ),
  line(
    'a parameter’s header twice',
    { ...modernHeaders('tools/call', 'region_query'), 'mcp-param-region': ['eu', 'us'] },
    { body: modernCall('region_query', { region: 'eu' }) },
    mismatched,
  ),
  line(
    'initialize',
    modernHeaders('initialize'),
    { body: { ...JSON_RPC, method: 'initialize', params: { _meta: META } } },
    refused([404], -32_601),
  ),
  line(
    'a list of tasks',
    modernHeaders('tasks/list'),
    { body: { ...JSON_RPC, method: 'tasks/list', params: { _meta: META } } },
    refused([404], -32_601),
  ),
]

const asking = 'test_input_required_result_request_state'
const resumed = (requestState: unknown, name = asking) =>
  line(
    '',
    modernHeaders('tools/call', name),
    {
      body: modernCall(
        name,
        {},
        { requestState, inputResponses: { confirm: { action: 'accept', content: { ok: true } } } },
      ),
    },
    refused([200, 400], -32_602),
  )
const handles: Line[] = [
  { ...resumed('{{STATE_A}}'), description: 'a state of its own', expect: accepted },
  { ...resumed('{{STATE_B}}'), description: 'a state of another key' },
  { ...resumed('{{STATE_A}}', 'safe_echo'), description: 'a state of another call' },
  { ...resumed('{{STATE_A}}x'), description: 'a state with its last letter changed' },
  { ...resumed('{{STATE_BARE}}'), description: 'a state as the server itself would make it' },
  { ...resumed('e30'), description: 'a state made up' },
  { ...resumed(1), description: 'a state that is a number' },
  ...[
    ['of another key', '{{TASK_B}}'],
    ['as the server itself names it', '{{TASK_BARE}}'],
    ['made up', 'task-1'],
  ].flatMap(([whose, taskId]) =>
    ['tasks/get', 'tasks/result', 'tasks/cancel'].map((method) =>
      legacy(
        `${method} of a task ${whose}`,
        { body: { ...JSON_RPC, method, params: { taskId } } },
        refused([200, 404], -32_602),
      ),
    ),
  ),
  legacy(
    'a task of its own',
    { body: { ...JSON_RPC, method: 'tasks/get', params: { taskId: '{{TASK_A}}' } } },
    answered,
  ),
]

export const ownCases: McpCase[] = Object.entries({
  framing,
  keys,
  toolNames,
  sizes,
  http,
  originsAndHosts,
  auth,
  sessions,
  modern,
  handles,
}).flatMap(([group, lines]) => lines.map((each, index) => ({ ...each, id: `${group}-${index + 1}` })))
