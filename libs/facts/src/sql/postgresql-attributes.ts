// `(x).name` is a field of x, or a call of name(x): PostgreSQL takes the function where there is no such field. A scalar
// has no fields, so that with one every name is a function.
import { unknownFunction } from './postgresql-calls.ts'
import { classifyFunction } from './postgresql-functions.ts'
import { strings, type Node, type Scope } from './postgresql-names.ts'
import type { Walk } from './postgresql-walk.ts'

/** Functions of PostgreSQL 18 whose result is a row, or may be one. From pg_proc. */
const mayBeRows: ReadonlySet<string> = new Set(
  `
  aclexplode any_value any_value_transfn anyarray_in anyarray_recv anycompatible_in anycompatiblearray_in
  anycompatiblearray_recv anyelement_in array_agg array_agg_array_finalfn array_agg_finalfn array_append array_cat
  array_fill array_in array_larger array_prepend array_recv array_remove array_replace array_reverse array_sample
  array_shuffle array_smaller array_sort enum_range first_value json_each json_each_text json_populate_record
  json_populate_recordset json_to_record json_to_recordset jsonb_each jsonb_each_text jsonb_populate_record
  jsonb_populate_recordset jsonb_to_record jsonb_to_recordset lag last_value lead lower max min mode mode_final
  nth_value percentile_disc percentile_disc_final percentile_disc_multi_final pg_available_extension_versions
  pg_available_extensions pg_available_wal_summaries pg_backup_stop pg_config pg_control_checkpoint pg_control_init
  pg_control_recovery pg_control_system pg_copy_logical_replication_slot pg_copy_physical_replication_slot
  pg_create_logical_replication_slot pg_create_physical_replication_slot pg_cursor pg_event_trigger_ddl_commands
  pg_event_trigger_dropped_objects pg_extension_update_paths pg_get_aios pg_get_backend_memory_contexts
  pg_get_catalog_foreign_keys pg_get_keywords pg_get_loaded_modules pg_get_multixact_members pg_get_object_address
  pg_get_publication_tables pg_get_replication_slots pg_get_sequence_data pg_get_shmem_allocations
  pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_resource_managers pg_get_wal_summarizer_state
  pg_hba_file_rules pg_ident_file_mappings pg_identify_object pg_identify_object_as_address pg_input_error_info
  pg_last_committed_xact pg_lock_status pg_logical_slot_get_binary_changes pg_logical_slot_get_changes
  pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes pg_ls_archive_statusdir pg_ls_logdir
  pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir
  pg_mcv_list_items pg_options_to_table pg_partition_tree pg_prepared_statement pg_prepared_xact
  pg_replication_slot_advance pg_sequence_parameters pg_show_all_file_settings pg_show_all_settings
  pg_show_replication_origin_status pg_split_walfile_name pg_stat_file pg_stat_get_activity pg_stat_get_archiver
  pg_stat_get_backend_io pg_stat_get_backend_subxact pg_stat_get_backend_wal pg_stat_get_io
  pg_stat_get_progress_info pg_stat_get_recovery_prefetch pg_stat_get_replication_slot pg_stat_get_slru
  pg_stat_get_subscription pg_stat_get_subscription_stats pg_stat_get_wal pg_stat_get_wal_receiver
  pg_stat_get_wal_senders pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone pg_timezone_names
  pg_wal_summary_contents pg_walfile_name_offset pg_xact_commit_timestamp_origin record_in record_larger
  record_recv record_smaller trim_array ts_debug ts_parse ts_stat ts_token_type unnest upper
`
    .trim()
    .split(/\s+/),
)

/** Types of PostgreSQL that are no rows. */
const scalarTypes: ReadonlySet<string> = new Set(
  `bit bool boolean box bpchar bytea char cidr circle date decimal float float4 float8 inet int int2 int4 int8 integer
  interval json jsonb jsonpath line lseg macaddr macaddr8 money name numeric oid path pg_lsn point polygon real regclass
  regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype smallint
  bigint text tid time timestamp timestamptz timetz tsquery tsvector uuid varbit varchar xid xid8 xml`.split(
    /\s+/,
  ),
)

/** What PostgreSQL calls its functions that do more than compute; a field of a row is hardly ever called so. */
const effectNames =
  /^(?:pg_|lo_|lo(?:read|write)$|txid_|binary_upgrade_|brin_|gin_|dblink|query_to_|table_to_|schema_to_|database_to_|cursor_to_|ts_stat$|nextval$|setval$|currval$|lastval$|set_config$|setseed$|xpath_table$|crosstab|connectby$)/

/** Whether a name after a row, or after what may be one, is sooner a function with effects than a field. */
export function namesEffect(name: string): boolean {
  return effectNames.test(name) && classifyFunction(name, 1, false) !== 'pure'
}

/** Notes `(value).name`. The value is walked by the caller. */
export function attribute(walk: Walk, value: unknown, name: string, scope: Scope): void {
  const calls = isScalar(value, scope) ? classifyFunction(name, 1, false) !== 'pure' : namesEffect(name)
  if (calls) unknownFunction(walk, name)
}

/** Whether a call's result is certainly no row. */
export function isScalarCall(node: Node | undefined): boolean {
  const names = node ? strings(node['funcname']) : []
  const name = names.at(-1) ?? ''
  return names.length <= 2 && classifyFunction(name, 1, names.length > 1) === 'pure' && !mayBeRows.has(name)
}

const scalarNodes = new Set(['A_Const', 'A_Expr', 'BoolExpr', 'NullTest', 'BooleanTest', 'SQLValueFunction'])

/** Whether an expression is certainly no row. */
function isScalar(value: unknown, scope: Scope): boolean {
  if (value === null || typeof value !== 'object') return false
  const [[tag, inner] = ['', {}]] = Object.entries(value as Record<string, Node>)
  if (scalarNodes.has(tag)) return true
  switch (tag) {
    case 'TypeCast':
      return isScalarType(inner['typeName'] as Node | undefined)
    case 'FuncCall':
      return isScalarCall(inner)
    case 'A_ArrayExpr':
      return ((inner['elements'] ?? []) as unknown[]).every((element) => isScalar(element, scope))
    case 'A_Indirection':
      return isScalar(inner['arg'], scope)
    case 'SubLink':
      return inner['subLinkType'] !== 'EXPR_SUBLINK' || isScalarQuery(inner['subselect'], scope)
    case 'ColumnRef':
      return isScalarItem(inner, scope)
    default:
      return false
  }
}

function isScalarType(type: Node | undefined): boolean {
  const names = type ? strings(type['names']) : []
  return scalarTypes.has(names.at(-1) ?? '') && (names.length === 1 || names[0] === 'pg_catalog')
}

function isScalarQuery(subselect: unknown, scope: Scope): boolean {
  const targets = ((subselect as { SelectStmt?: Node } | undefined)?.SelectStmt?.['targetList'] ??
    []) as Node[]
  const [target] = targets
  return isScalar((target?.['ResTarget'] as Node | undefined)?.['val'], scope)
}

/** A function in FROM stands by its name for its value. */
function isScalarItem(reference: Node, scope: Scope): boolean {
  const names = strings(reference['fields'])
  if (names.length !== 1) return false
  for (let s: Scope | null = scope; s; s = s.parent) {
    const item = s.items.find(({ name }) => name === names[0])
    if (item) return item.scalar === true
  }
  return false
}
