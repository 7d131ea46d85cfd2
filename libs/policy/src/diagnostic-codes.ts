// Every code that a diagnostic may have, with how severe it is and what it means: the reference's table, and what
// keeps a code from being invented in passing.

export type Severity = 'error' | 'warning' | 'hint'

const error = (meaning: string) => ({ severity: 'error', meaning }) as const
const warning = (meaning: string) => ({ severity: 'warning', meaning }) as const
const hint = (meaning: string) => ({ severity: 'hint', meaning }) as const

export const DIAGNOSTIC_CODES = {
  // The text.
  document_too_large: error('The document is larger than 256 KiB.'),
  unreadable: error('The document cannot be read at all.'),
  yaml_syntax: error('The text is not YAML, or holds more than one document.'),
  yaml_version: error('A `%YAML` line asks for another version than 1.2.'),
  yaml_tag: error("A tag that YAML's core schema does not have, such as `!!js/function`."),
  yaml_alias: error('An alias without an anchor before it, or inside what it names.'),
  yaml_key: error('A key that is not a name, a merge key `<<`, or `__proto__`.'),
  yaml_number: error('A number that is not finite.'),
  yaml_too_large: error('What the aliases expand to is too large.'),
  yaml_too_deep: error('The document is nested too deeply.'),
  duplicate_key: error('A key that stands in the same map twice.'),
  // Its shape.
  missing_key: error('A key that is required.'),
  unknown_key: error('A key that the language does not have.'),
  unknown_condition: error('A condition that the language does not have.'),
  wrong_type: error('A value of another type than is needed, such as a number for a name.'),
  wrong_value: error('A value that is not one of those there are, too long, too large, or empty.'),
  too_many_rules: error('More than 10,000 rules.'),
  // What could not do what it says.
  duplicate_id: error('Two rules of the same id; a rule without one has `rule-` and its place.'),
  allowed_domains_in_deny: error('`allowed_domains` in a deny rule would deny what it calls allowed.'),
  limits_in_deny: error('`limits` in a deny rule: nothing of a denied call comes back.'),
  redact_in_deny: error('`redact` in a deny rule: nothing of a denied call comes back.'),
  timeout_without_ask: error('`timeout` beside the decision of a rule that does not ask.'),
  max_rows_off_connector: error('`max_rows` for a tool that is none of our database connectors.'),
  bad_domain: error('An entry that is no domain, or empty.'),
  bad_path: error('A folder that is not absolute, or holds `.` or `..`.'),
  bad_time: error('Days, hours, a time zone or a time that are none.'),
  bad_parameter: error('An argument whose path has an empty name.'),
  bad_pattern: error("A pattern that is not of RE2's syntax, or too large."),
  bad_field: error('A field to redact whose path has an empty name.'),
  empty_range: error('A minimum above its maximum.'),
  empty_expectation: error('A test that expects neither a decision nor a rule.'),
  organization_allow: error("An allow rule in an organisation's policy."),
  organization_default: error("A default in an organisation's policy."),
  test_failed: error('A test of the policy fails.'),
  tests_too_slow: error('The tests of the policy take too long.'),
  // What is allowed and hardly meant.
  shadowed_rule: warning('A rule that never decides, because one above it always does.'),
  contradicting_limits: warning('Limits of which one never counts.'),
  contradicting_redactions: warning('The same thing is redacted in two ways.'),
  contradicting_constraint: warning('A constraint that no value can satisfy.'),
  no_such_tool: warning('A pattern that matches no tool of the project.'),
  guessed_facts: warning('A rule on facts of a tool whose facts are only guessed.'),
  facts_of_connector: warning('`facts:` for a connector of ours, which has its own and no others.'),
  kind_not_touched: warning('A rule on paths, URLs or data of tools that never touch any.'),
  kind_left_untested: warning('A rule that leaves a kind untested that every call of its tool touches.'),
  unqualified_resource: warning('A table without its schema, where names have one.'),
  qualified_resource: warning('A denied table with a schema only, where some databases have none.'),
  names_as_written: warning('A deny rule on tables whose names are only known as they are written.'),
  never_matches: warning('An entry that nothing can match.'),
  glob_in_path: warning('`*` or `?` in a folder, where they stand for themselves.'),
  pattern_matches_empty: warning('A pattern to redact that also matches no text at all.'),
  local_hosts_open: warning(
    'An allow rule of `blocked_domains` alone lets local and metadata hosts through.',
  ),
  allows_everything: warning('A rule that allows every call of every tool, whatever is unknown about it.'),
  agent_allows: warning('A rule that allows by what the client says of itself.'),
  agent_counts: warning('A rate limit by what the client says of itself.'),
  similar_id: warning('Two ids that differ by the case of letters only.'),
  // What would do the policy good.
  no_tests: hint('The policy carries no tests.'),
  says_nothing: hint('An empty `conditions`, `limits` or `redact`.'),
} as const satisfies Record<string, { severity: Severity; meaning: string }>

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES
