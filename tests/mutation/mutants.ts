// Each enforcement call of the gateway and of its decision point taken out, one at a time: what must turn tests red. The text to find stands in
// its file exactly once; a list that no longer fits the code is an error, not a survivor.

export type Tests =
  | {
      /** A file of tests/e2e, run against a whole product with the changed gateway. */
      e2e: string
      /** Of its tests, those whose names match. */
      only: string
    }
  /** A file of the gateway's own tests. */
  | { unit: string }

export type Mutant = {
  file: string
  why: string
  find: string
  replace: string
  tests: Tests
}

const choke = (only: string): Tests => ({ e2e: 'mcp-choke-point', only })
const ask = (only: string): Tests => ({ e2e: 'mcp-ask', only })
const pins = (only: string): Tests => ({ e2e: 'mcp-pins', only })
const limits = (only: string): Tests => ({ e2e: 'mcp-limits', only })
const fourWays = (only: string): Tests => ({ e2e: 'mcp-four-ways', only })
const RECORD: Tests = { unit: 'recorded-first' }
const OPEN: Tests = { unit: 'open-calls' }

const decided: Omit<Mutant, 'file'>[] = [
  {
    why: 'a call is not decided: whatever is asked goes on',
    find: '  let verdict = await decide(deps, request, carried.approval)',
    replace: '  let verdict = { ...(await decide(deps, request, carried.approval)), forward: true }',
    tests: choke('denied, as no rule allows it'),
  },
  {
    why: 'a denial is not heeded',
    find: '  if (!verdict.forward) {\n    lookAgain',
    replace: '  if (false as boolean) {\n    lookAgain',
    tests: choke('denied, as a rule denies it'),
  },
  {
    why: 'an approved call is not decided again',
    find: '    verdict = await decide(deps, request, approval)\n',
    replace: '    verdict = { ...verdict, forward: true }\n',
    tests: ask('lifts no denial'),
  },
  {
    why: 'a held call runs though it was refused',
    find: "    if ('refused' in word) return own(",
    replace:
      "    if ('refused' in word) return run(deps, { ...request, carried }, verdict)\n    if ('refused' in word) return own(",
    tests: choke('held for a person who refuses'),
  },
  {
    why: 'a call is held before the question is recorded',
    find: '    const failed = await stored(verdict, target.method, exchange)\n',
    replace: '    const failed = undefined\n',
    tests: RECORD,
  },
  {
    why: 'a writing call does not wait for its record',
    find: '  if (!verdict.readOnly) {',
    replace: '  if (false as boolean) {',
    tests: RECORD,
  },
  {
    why: 'answers to no open call begin another call',
    find: "  if (peer.era === 'legacy' && answersNothing(running)) {",
    replace: '  if (false as boolean) {',
    tests: choke('without the state of the call'),
  },
  {
    why: 'a result is released before its record',
    find: '  const failed = await stored(verdict, method, exchange)\n  void ',
    replace: '  const failed = undefined\n  void ',
    tests: RECORD,
  },
  {
    why: 'a denial is told before its record',
    find: '  return (await stored(verdict, method, exchange)) ?? own(exchange, refusal(method, verdict))',
    replace: '  return own(exchange, refusal(method, verdict))',
    tests: RECORD,
  },
  {
    why: 'what is told meanwhile is released before the record',
    find: '      void verdict.recorded.then(',
    replace: '      void Promise.resolve().then(',
    tests: RECORD,
  },
  {
    why: 'a question is released before the record',
    find: '      await verdict.recorded\n      if (isWithheld)',
    replace: '      if (isWithheld)',
    tests: RECORD,
  },
  {
    why: 'a quarantine is not asked about',
    find: "  return 'slug' in at && at.tool !== null ? runtime.upstream(at.slug)?.catalog.quarantine(at.tool) : undefined",
    replace: '  return [runtime, at].length === 0 ? "never" : undefined',
    tests: pins('of its description hides'),
  },
  {
    why: 'a definition that changed meanwhile is not looked at',
    find: '  if (changed !== undefined) return changed\n',
    replace: '  void changed\n',
    tests: pins('is noticed without a word'),
  },
  {
    why: 'a list that is too old is relied on',
    find: '  await upstream.catalog.refresh(listOf(deps, running, upstream.slug))\n',
    replace: '  void listOf\n',
    tests: pins('is noticed without a word'),
  },
  {
    why: 'a header may say something else than its argument',
    find: '  if (mismatch !== undefined) return malformed(deps, exchange, HEADER_MISMATCH, mismatch)',
    replace: '  void [mismatch, HEADER_MISMATCH]',
    tests: choke('a header that says something else'),
  },
  {
    why: 'a state that does not open is taken for none',
    find: "  if ('problem' in opened) return opened\n  const carried",
    replace: "  if ('problem' in opened) return {}\n  const carried",
    tests: choke('with a state that nobody gave'),
  },
  {
    why: 'a state is bound to nothing but its asker',
    find: '  return { subject, projectId: project_id, call: { method, tool, arguments: args } }',
    replace:
      '  return { subject, projectId: project_id, call: [method, tool, args].length === 0 ? { tool } : {} }',
    tests: choke('with a state that was changed'),
  },
  {
    why: 'a state is bound to no asker',
    find: '  return { subject, projectId: project_id, call: { method, tool, arguments: args } }',
    replace:
      "  return { subject: subject === '' ? subject : 'anybody', projectId: project_id, call: { method, tool, arguments: args } }",
    tests: choke('with a state that was changed'),
  },
  {
    why: 'a word counts as often as it is sent',
    find: '  if (isForOne && !(await deps.once(',
    replace: '  if (!isForOne && !(await deps.once(',
    tests: ask('says the word once'),
  },
  {
    why: 'what a rule redacts in an answer is shown',
    find: '  const shown = redactAnswer(target.method, answer, obligations.redact, deps.keyedHash, accesses)',
    replace: '  const shown = redactAnswer(target.method, answer, [], deps.keyedHash, accesses)',
    tests: limits('in text, in structured content'),
  },
  {
    why: 'what a rule redacts in messages is told',
    find: '  const redacted = (message: Message) => redactMessage(message, obligations.redact, deps.keyedHash)',
    replace: '  const redacted = (message: Message) => redactMessage(message, [], deps.keyedHash)',
    tests: limits('in progress and in logs'),
  },
  {
    why: 'what a rule redacts in questions is asked',
    find: 'exchange.ask(redacted(named(message) ?? message), signal)',
    replace: 'exchange.ask(named(message) ?? message, signal)',
    tests: limits('in what it is asked'),
  },
  {
    why: 'what a rule redacts in what went wrong is told',
    find: '    detectors,\n    deps.keyedHash,',
    replace: '    [...detectors].slice(detectors.length),\n    deps.keyedHash,',
    tests: limits('for what goes wrong in a connector'),
  },
  {
    why: 'a statement’s messages may show what its rows may not',
    find: '  const isWithheld = mayShowFields(verdict.facts?.accesses ?? [], obligations.redact)',
    replace: '  const isWithheld = mayShowFields([], obligations.redact)',
    tests: limits('withholds every word'),
  },
  {
    why: 'what goes beside the arguments is not looked at',
    find: '    carried: carriedIn(target.params),',
    replace: '    carried: carriedIn({}),',
    tests: choke('a secret that no argument may carry'),
  },
  {
    why: 'changes are told beside a call of what is denied by now',
    find: '          if (deps.pdp.mayHear(exchange.client.credential, slug, told)) tellInEra(exchange, redacted(told))',
    replace: '          tellInEra(exchange, redacted(told))',
    tests: fourWays('a legacy client on a server over stdio of the legacy era .* denies by now'),
  },
  {
    why: 'changes of a modern server are told to a session of what is denied by now',
    find: '    if (deps.pdp.mayHear(exchange.client.credential, slug, message))',
    replace: '    if (slug !== "")',
    tests: fourWays('a legacy client on a server over .* of the modern era .* denies by now'),
  },
  {
    why: 'a result over its bytes is released',
    find: '  if (bytes <= maxBytes) return',
    replace: '  if (bytes <= maxBytes || true) return',
    tests: limits('gets no result over its bytes'),
  },
  {
    why: 'a rule’s time is not kept',
    find: '    timeoutMs: obligations.timeout_ms ?? deps.upstreamTimeoutMs,',
    replace: '    timeoutMs: deps.upstreamTimeoutMs,',
    tests: limits('is not kept waiting over its time'),
  },
  {
    why: 'a task’s result owes no redaction',
    find: '    task === undefined ? verdict.owes :',
    replace: '    task === undefined || true ? verdict.owes :',
    tests: limits('is owed by the task'),
  },
  {
    why: 'a task’s result owes no bound',
    find: '    maxBytes: tighter(obligations.max_bytes, task?.max_bytes),',
    replace: '    maxBytes: tighter(obligations.max_bytes, undefined),',
    tests: limits('is owed by the task'),
  },
  {
    why: 'a task’s id carries no redaction',
    find: '  const terms = { slug, tool: target.tool, redact, ',
    replace: '  const terms = { slug, tool: target.tool, redact: redact.slice(redact.length), ',
    tests: limits('is owed by the task'),
  },
  {
    why: 'what was not judged is sent on',
    find: '  const { requestState: _, inputResponses: given, ...params } = target.params',
    replace:
      '  const { requestState: _, inputResponses: given, ...params } = { ...exchange.request.params, ...target.params }',
    tests: choke('what is sent on is what was judged'),
  },
  {
    why: 'the word on a held call is sent on',
    find: '  const inputResponses = withoutApproval(given)',
    replace: '  const inputResponses = isObject(given) ? given : withoutApproval(given)',
    tests: ask('accepting lets the call run once'),
  },
  {
    why: 'a modern client that asked for no logs gets them',
    find: "(message.method === 'notifications/message' && !asked)",
    replace: "(message.method === 'notifications/message' && !asked && false)",
    tests: fourWays('log lines come'),
  },
  {
    why: 'a request that contradicts itself leaves no record',
    find: '    .recordMalformed(exchange.client.credential, { reason: message, requestId: exchange.requestId })',
    replace:
      '    .recordMalformed({ ...exchange.client.credential, key_id: null }, { reason: message, requestId: exchange.requestId })',
    tests: choke('a header that says something else|the record'),
  },
]

const endpoint: Omit<Mutant, 'file'>[] = [
  {
    why: 'methods of the other era are known',
    find: "    if (exchange.client.era === 'legacy' ? MODERN_ONLY.has(method) : LEGACY_ONLY.has(method))\n",
    replace: "    if (exchange.client.era === 'legacy' ? MODERN_ONLY.has('') : LEGACY_ONLY.has(''))\n",
    tests: choke('a method that nobody knows'),
  },
  {
    why: 'a task that is somebody else’s is found',
    find: "    if ('problem' in task)\n      return malformed(deps, exchange, { error: { code: INVALID_PARAMS, message: task.problem } })",
    replace:
      "    if ('problem' in task)\n      return serveDecided(deps, { exchange, runtime, target: taskTarget(method, params, { slug: exchange.only ?? '', task: '', tool: 'x/y', redact: [] }) })",
    tests: choke('malformed'),
  },
  {
    why: 'a task is decided as something else than its tool',
    find: '  return { method, tool, arguments: args, params, at: { slug, tool: null } }',
    replace: '  return { method, tool: `x${tool}`, arguments: args, params, at: { slug, tool: null } }',
    tests: choke('denied, as a rule denies it'),
  },
  {
    why: 'what names nothing leaves no record',
    find: '    .recordMalformed(client.credential, { reason: answer.error.message, requestId })',
    replace:
      '    .recordMalformed({ ...client.credential, key_id: null }, { reason: answer.error.message, requestId })',
    tests: choke('tools/call at .* with .* is an error|the record'),
  },
]

const subscriptions: Omit<Mutant, 'file'>[] = [
  {
    why: 'resources that are listened for are not decided',
    find: '  return verdict.forward && isStored',
    replace: '  return isStored',
    tests: choke('denied, as no rule allows it'),
  },
  {
    why: 'resources are listened for without a record',
    find: '  return verdict.forward && isStored',
    replace: '  return verdict.forward || isStored',
    tests: RECORD,
  },
  {
    why: 'a client without a stream holds one of a server’s',
    find: '  if (!exchange.openStream()) return',
    replace: '  if (!exchange.openStream() && false) return',
    tests: { unit: 'subscriptions' },
  },
  {
    why: 'servers that the key is not for are listened to',
    find: '(only === null || slug === only) && pdp.mayList(client.credential, slug)',
    replace: '(only === null || slug === only)',
    tests: choke('denied, as its key is killed'),
  },
  {
    why: 'a stream outlives its key',
    find: '    if (!deps.isValid(exchange) || !slugs.every(stays)) end()',
    replace: '    void [slugs, stays]',
    tests: choke('ends when its key is'),
  },
  {
    why: 'a resource that climbs is listened for',
    find: 'if (found === undefined || climbs(found.uri) || ',
    replace: 'if (found === undefined || (climbs(found.uri) && false) || ',
    tests: choke('a resource that climbs'),
  },
  {
    why: 'changes are told of what is denied by now',
    find: '        if (deps.pdp.mayHear(exchange.client.credential, upstream.slug, message))',
    replace: '        if (upstream.slug !== "")',
    tests: fourWays('a modern client .* denies by now'),
  },
  {
    why: 'what is told of changes is not redacted',
    find: 'exchange.notify(tagged(exchange, deps.standing(exchange, message)))',
    replace: 'exchange.notify(tagged(exchange, message))',
    tests: limits('in what it is told of changes'),
  },
]

const lists: Omit<Mutant, 'file'>[] = [
  {
    why: 'one server’s list is open to every key',
    find: '  if (upstream === undefined || !deps.pdp.mayList(client.credential, slug))',
    replace: '  if (upstream === undefined)',
    tests: choke('nothing of it is listed'),
  },
  {
    why: 'servers that the key is not for are asked for their lists',
    find: '      .filter(({ slug }) => deps.pdp.mayList(exchange.client.credential, slug))\n      .map(',
    replace: '      .map(',
    tests: choke('nothing of it is listed'),
  },
  {
    why: 'an unknown name makes every server be asked for its lists',
    find: '      .filter(({ slug }) => deps.pdp.mayList(exchange.client.credential, slug))\n      .flatMap(',
    replace: '      .flatMap(',
    tests: choke('nothing of it is listed'),
  },
  {
    why: 'what no call could be allowed is shown',
    find: '    couldShow: (method, name) => pdp.couldShow(client.credential, method, `${slug}/${name}`),',
    replace:
      '    couldShow: (method, name) => pdp.couldShow(client.credential, method, `${slug}/${name}`) || true,',
    tests: choke('denied, as no rule allows it.* nothing of it is listed'),
  },
  {
    why: 'a tool in quarantine is shown',
    find: '    isQuarantined: (tool, entry) => catalog.quarantine(tool, entry) !== undefined,',
    replace: '    isQuarantined: (tool, entry) => catalog.quarantine(tool, entry) === "never",',
    tests: pins('of its description hides'),
  },
  {
    why: 'descriptions are shown unredacted at the common endpoint',
    find: '      .map((entry) => deps.standing(exchange, entry))\n',
    replace: '',
    tests: limits('in what is listed'),
  },
  {
    why: 'descriptions are shown unredacted at a server’s own endpoint',
    find: 'shown.map((entry) => deps.standing(exchange, entry))',
    replace: 'shown',
    tests: limits('in what is listed'),
  },
]

const heldCalls: Omit<Mutant, 'file'>[] = [
  {
    why: 'a call runs whatever was said of it',
    find: "  if (word.state !== 'approved') return",
    replace:
      "  if (word.state !== 'approved') return { approval: { digest, approvedBy: null } }\n  if (word.state !== 'approved') return",
    tests: choke('held for a person who refuses'),
  },
  {
    why: 'an approval is not used up',
    find: '  const { approved_by } = await deps.use({ project_id, approval_id, digest })',
    replace: '  const { approved_by } = { approved_by: null }',
    tests: ask('is for one call'),
  },
  {
    why: 'following a link approves',
    find: '{ message: link, takesWord: false }',
    replace: '{ message: link, takesWord: true }',
    tests: ask('cannot approve by following a link'),
  },
  {
    why: 'a word counts though nobody was asked',
    find: '    isAnswered: askedOf === approval_id,',
    replace: '    isAnswered: askedOf !== approval_id || true,',
    tests: ask('must have been asked'),
  },
  {
    why: 'a word at the client counts in every project',
    find: '    inClient: deps.approvesInClient(project_id),',
    replace: '    inClient: true,',
    tests: ask('is not asked where the project takes no word'),
  },
  {
    why: 'declining lets the call run',
    find: "  const approve = action === 'accept'",
    replace: "  const approve = action === 'accept' || action === 'decline'",
    tests: ask('declines, and the call never runs'),
  },
  {
    why: 'what was cancelled at the client runs',
    find: "  if (action !== 'accept' && action !== 'decline') return\n  const approve = action === 'accept'",
    replace: "  const approve = action !== 'decline'",
    tests: ask('cancels, and the call waits'),
  },
  {
    why: 'a call that nobody approved in time runs',
    find: "  const late: Decided = { state: untilMs < overMs ? 'pending' : 'expired', note: null }",
    replace: "  const late: Decided = { state: untilMs < overMs ? 'pending' : 'approved', note: null }",
    tests: ask('is refused when nobody answers'),
  },
]

const tasks: Omit<Mutant, 'file'>[] = [
  {
    why: 'a task is everybody’s',
    find: "  return { subject: credential.subject, projectId: credential.project_id, call: { of: 'task' } }",
    replace: "  return { subject: 'anybody', projectId: credential.project_id, call: { of: 'task' } }",
    tests: fourWays('are cancelled, and only by who may'),
  },
  {
    why: 'a client learns the server’s own id of a task',
    find: '    states.seal({ ...terms, task: taskId } as JsonObject, boundTo(client), LIFETIME_MS)',
    replace: '    [states, terms, boundTo(client), LIFETIME_MS].length === 0 ? "" : taskId',
    tests: fourWays('are fetched by an id that is ours'),
  },
]

const openCallMutants: Omit<Mutant, 'file'>[] = [
  {
    why: 'an open call goes on for anybody',
    find: '    if (call === undefined || call.owner !== owner) return undefined',
    replace: '    if (call === undefined) return undefined',
    tests: OPEN,
  },
  {
    why: 'what a call tells goes to whoever asks for it',
    find: '      if (call?.owner === owner) call.tellOn(tell)',
    replace: '      call?.tellOn(tell)',
    tests: OPEN,
  },
  {
    why: 'a call waits for ever for its client',
    find: '        idle = setTimeout(end, WAITS_MS)',
    replace: '        idle = setTimeout(() => undefined, WAITS_MS)',
    tests: OPEN,
  },
  {
    why: 'open calls are not bounded',
    find: '      else if (open.size >= MAX_OPEN) ',
    replace: '      else if (open.size < 0 * MAX_OPEN) ',
    tests: OPEN,
  },
  {
    why: 'one asker takes the room of all for open calls',
    find: 'own.size >= MAX_OPEN_OF_ONE',
    replace: 'own.size < 0 * MAX_OPEN_OF_ONE',
    tests: OPEN,
  },
  {
    why: 'a client is asked what it cannot answer',
    find: '(!canAnswer(client.capabilities, message)) return Promise.resolve(cannotAnswer(message))',
    replace:
      '(canAnswer(client.capabilities, message) && false) return Promise.resolve(cannotAnswer(message))',
    tests: OPEN,
  },
]

const core: Omit<Mutant, 'file'>[] = [
  {
    why: 'what belongs to no call is not redacted',
    find: '    redactMessage(message, pdp.standing(client.credential), keyedHash)',
    replace: '    redactMessage(message, pdp.standing(client.credential).slice(0, 0), keyedHash)',
    tests: limits('outside of calls|told of changes'),
  },
]

const conversations: Omit<Mutant, 'file'>[] = [
  {
    why: 'changes are told outside of calls of what is denied by now',
    find: 'told !== undefined && mayHear(client, upstream.slug, told)',
    replace: 'told !== undefined',
    tests: fourWays('a legacy client on a server over .* of the legacy era .* denies by now'),
  },
  {
    why: 'what is told outside of calls is not redacted',
    find: 'session?.notify(standing(client, told))',
    replace: 'session?.notify(told)',
    tests: limits('outside of calls'),
  },
  {
    why: 'what is asked outside of calls is not redacted',
    find: 'session.ask(standing(client, named(message) ?? message), signal)',
    replace: 'session.ask(named(message) ?? message, signal)',
    tests: limits('outside of calls'),
  },
]

const BOUNDS: Tests = { unit: 'operator-bounds' }

const reach: Omit<Mutant, 'file'>[] = [
  {
    why: 'what is out of the operator’s bounds is connected to',
    find: '    if (closed !== undefined) throw new AppError(',
    replace: '    if (closed !== undefined && false) throw new AppError(',
    tests: { unit: 'reach' },
  },
  {
    why: 'another address is connected to than was looked at',
    find: 'lookup: pinned(addresses) })',
    replace: 'lookup: pinned(["127.0.0.2"]) })',
    tests: { unit: 'reach' },
  },
]

const runtimes: Omit<Mutant, 'file'>[] = [
  {
    why: 'commands out of the operator’s bounds are started',
    find: '? commands?.(spec) :',
    replace: '? void commands :',
    tests: BOUNDS,
  },
  {
    why: 'upstreams know no bounds of the operator’s',
    find: '...tokens, reach: deps.reach }',
    replace: '...tokens }',
    tests: BOUNDS,
  },
]

const refusals: Omit<Mutant, 'file'>[] = [
  {
    why: 'kill switches hold nobody',
    find: '  if (killed !== null) return denied(',
    replace: "  if (killed === '') return denied(",
    tests: choke('denied, as its project is killed'),
  },
  {
    why: 'the organisation’s kill switch holds nobody',
    find: '  if (snapshot.organization_killed === true)',
    replace: '  if (snapshot.organization_killed === null)',
    tests: choke('denied, as its organisation is killed'),
  },
  {
    why: 'a key’s kill switch does not hold it',
    find: "  return credential.killed === true ? 'API key' : null",
    replace: "  return credential.killed === null ? 'API key' : null",
    tests: choke('denied, as its key is killed'),
  },
  {
    why: 'a quarantined tool is called',
    find: '  if (call.quarantined !== undefined) return denied(',
    replace: "  if (call.quarantined === '') return denied(",
    tests: choke('in quarantine'),
  },
  {
    why: 'a key reaches servers that it is not meant for',
    find: '  if (!reaches(call.credential, call.tool)) {',
    replace: '  if (!reaches(call.credential, call.tool) && (false as boolean)) {',
    tests: choke('denied, as its key is for other servers'),
  },
  {
    why: 'what is closed is listed and heard all the same',
    find: '  return killedBy(project, credential) === null && reaches(credential, tool)',
    replace: '  return killedBy(project, credential) === null || !reaches(credential, tool) || true',
    tests: choke('ends when its key is|nothing of it is listed'),
  },
]

const policyWord: Omit<Mutant, 'file'>[] = [
  {
    why: 'a secret that no argument may carry goes on',
    find: '  return found === undefined ? decision : denied(',
    replace: "  return found?.rule !== '' ? decision : denied(",
    tests: choke('a secret that no argument may carry'),
  },
]

const decideCall: Omit<Mutant, 'file'>[] = [
  {
    why: 'rate limits are not taken',
    find: "decision.decision === 'allow' && decision.obligations.rate_limits.length > 0",
    replace: "decision.decision === 'allow' && decision.obligations.rate_limits.length < 0",
    tests: choke('over a rate limit'),
  },
  {
    why: 'an approval is of any call',
    find: 'call.approval.digest === digest()',
    replace: "call.approval.digest !== ''",
    tests: ask('is for exactly one call|does not outlive the policy|is for the systems'),
  },
  {
    why: 'what stands above the policy is let through where a project only monitors',
    find: '        forward: refused === null && mayForward(',
    replace: '        forward: mayForward(',
    tests: choke('denied, as its project is killed, though'),
  },
  {
    why: 'nobody waits for the record',
    find: '        recorded: recordDecision(deps.audit, event),',
    replace: '        recorded: (void recordDecision(deps.audit, event), Promise.resolve()),',
    tests: RECORD,
  },
  {
    why: 'what came of a call is not recorded',
    find: '        finish: (outcome) => recordOutcome(deps.audit, event, outcome),',
    replace: '        finish: async (outcome) => void [recordOutcome, outcome],',
    tests: limits('is recorded: outcome, bytes, redactions'),
  },
]

const forwarding: Omit<Mutant, 'file'>[] = [
  {
    why: 'a denied call is forwarded',
    find: "  if (project?.snapshot.mode !== 'monitor') return false",
    replace: "  if (project?.snapshot.mode !== 'monitor') return true",
    tests: choke('denied, as a rule denies it'),
  },
  {
    why: 'a call that may change something counts as a read',
    find: "    facts.accesses.every((each) => each.operation === 'read')",
    replace: "    facts.accesses.every((each) => each.operation !== 'admin')",
    tests: RECORD,
  },
]

const takeLimits: Omit<Mutant, 'file'>[] = [
  {
    why: 'a full window lets calls through',
    find: '    if (taken.taken) return',
    replace: '    if (taken.taken || taken.retryAfterMs > 0) return',
    tests: choke('over a rate limit'),
  },
  {
    why: 'all keys share a window',
    find: 'return call.credential.subject',
    replace: 'return call.credential.project_id',
    tests: limits('by key is each key’s own'),
  },
]

const visibility: Omit<Mutant, 'file'>[] = [
  {
    why: 'lists show what no call could be allowed',
    find: "      if (project.snapshot.mode === 'monitor') return true",
    replace: "      if (project.snapshot.mode !== 'enforced') return true",
    tests: choke('denied, as no rule allows it.* nothing of it is listed'),
  },
  {
    why: 'what is told of a resource is heard by who may not subscribe to it',
    find: "      if (method !== 'notifications/resources/updated' || typeof uri !== 'string')",
    replace: "      if (method !== 'never' || typeof uri !== 'string')",
    tests: fourWays('denies by now'),
  },
  {
    why: 'what belongs to no call is not searched for what rules redact',
    find: '      return compiled === undefined ? NO_OBLIGATIONS.redact : standingOf(compiled)',
    replace: '      return compiled !== undefined ? NO_OBLIGATIONS.redact : standingOf(compiled!)',
    tests: limits('outside of calls|told of changes'),
  },
]

const currentCredential: Omit<Mutant, 'file'>[] = [
  {
    why: 'a revoked key stays good for who has used it',
    find: "  if ('digest' in given) return snapshots.credentialByDigest(String(given.digest), now)",
    replace:
      "  if ('digest' in given) return snapshots.credentialByDigest(String(given.digest), now) ?? given",
    tests: choke('ends when its key is'),
  },
]

const inFile = (file: string, mutants: Omit<Mutant, 'file'>[]): Mutant[] =>
  mutants.map((mutant) => ({ file, ...mutant }))

export const MUTANTS: Mutant[] = [
  ...inFile('decided.ts', decided),
  ...inFile('endpoint.ts', endpoint),
  ...inFile('subscriptions.ts', subscriptions),
  ...inFile('lists.ts', lists),
  ...inFile('held-calls.ts', heldCalls),
  ...inFile('tasks.ts', tasks),
  ...inFile('open-calls.ts', openCallMutants),
  ...inFile('core.ts', core),
  ...inFile('conversations.ts', conversations),
  ...inFile('reach.ts', reach),
  ...inFile('runtimes.ts', runtimes),
  ...inFile('pdp/refusals.ts', refusals),
  ...inFile('pdp/policy-word.ts', policyWord),
  ...inFile('pdp/decide-call.ts', decideCall),
  ...inFile('pdp/forwarding.ts', forwarding),
  ...inFile('pdp/take-limits.ts', takeLimits),
  ...inFile('pdp/visibility.ts', visibility),
  ...inFile('pdp/current-credential.ts', currentCredential),
]
