// What SQLite offers and what of it only reads. What is not here needs the operation `admin`.

const words = (list: string) => new Set(list.trim().split(/\s+/))

// The functions built into SQLite that only compute, the FTS5 auxiliary functions among them.
const pureFunctions = words(`
abs changes char coalesce concat concat_ws format glob hex if ifnull iif instr last_insert_rowid length like
likelihood likely lower ltrim max min nullif octet_length printf quote random randomblob replace round rtrim sign
soundex sqlite_compileoption_get sqlite_compileoption_used sqlite_source_id sqlite_version substr substring
subtype total_changes trim typeof unhex unicode unistr unistr_quote unlikely upper zeroblob
date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp
avg count group_concat string_agg sum total median percentile percentile_cont percentile_disc
row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power
radians sin sinh sqrt tan tanh trunc
json json_array json_array_insert json_array_length json_error_position json_extract json_group_array
json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set
json_type json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object
jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set -> ->>
match regexp bm25 highlight snippet offsets matchinfo fts5_get_locale fts5_insttoken fts5_locale fts5_source_id rtreedepth rtreenode
geopoly_area geopoly_bbox geopoly_blob geopoly_ccw geopoly_contains_point geopoly_group_bbox geopoly_json
geopoly_overlap geopoly_regular geopoly_svg geopoly_within geopoly_xform
`)

/** True for a function of SQLite that only computes. */
export function isPureFunction(name: string): boolean {
  return pureFunctions.has(name)
}

// Pragmas that answer without changing anything, as long as they get no value.
const readingPragmas = words(`
analysis_limit application_id auto_vacuum automatic_index busy_timeout cache_size cache_spill cell_size_check
checkpoint_fullfsync collation_list compile_options count_changes data_version database_list defer_foreign_keys
empty_result_callbacks encoding foreign_key_check foreign_keys freelist_count full_column_names fullfsync
function_list hard_heap_limit ignore_check_constraints integrity_check journal_mode journal_size_limit
legacy_alter_table locking_mode max_page_count mmap_size module_list page_count page_size pragma_list query_only
quick_check read_uncommitted recursive_triggers reverse_unordered_selects schema_version secure_delete
short_column_names soft_heap_limit synchronous table_list temp_store threads trusted_schema user_version
wal_autocheckpoint writable_schema
`)

// Pragmas whose argument only says what they look at.
const askingPragmas = words(`
table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check
integrity_check quick_check
`)

/** What a pragma means: it reads, reads something of the table it is given, or is to be treated as a change. */
export function classifyPragma(name: string, argument: string | null): 'reads' | 'asks' | 'changes' {
  const pragma = name.toLowerCase()
  if (argument !== null) return askingPragmas.has(pragma) ? 'asks' : 'changes'
  return readingPragmas.has(pragma) || askingPragmas.has(pragma) ? 'reads' : 'changes'
}

/** True for a pragma in the place of a table whose argument says what it looks at. */
export function isAskingTable(name: string): boolean {
  return /^pragma_/i.test(name) && askingPragmas.has(name.slice('pragma_'.length).toLowerCase())
}

const readingTables = words(`
json_each json_tree jsonb_each jsonb_tree dbstat sqlite_master sqlite_schema sqlite_temp_master sqlite_temp_schema
pragma_application_id pragma_collation_list pragma_compile_options pragma_data_version pragma_database_list
pragma_encoding pragma_foreign_key_check pragma_foreign_key_list pragma_foreign_keys pragma_freelist_count
pragma_function_list pragma_index_info pragma_index_list pragma_index_xinfo pragma_integrity_check
pragma_module_list pragma_page_count pragma_page_size pragma_pragma_list pragma_quick_check pragma_schema_version
pragma_table_info pragma_table_list pragma_table_xinfo pragma_user_version
`)

/** True for the tables SQLite itself provides that only read. */
export function isReadingTable(name: string): boolean {
  return readingTables.has(name.toLowerCase())
}

/** True for a table-valued function over its own arguments: it reads no stored data. */
export function isTableFunction(name: string): boolean {
  return /^(jsonb?_(each|tree)|generate_series)$/i.test(name)
}

const reading = /^pragma_/i
const reaching = words(`
fsdir zipfile csv vsv carray completion dbdata sqlite_dbdata sqlite_dbpage sqlite_dbptr sqlite_stmt bytecode
tables_used unionvtab swarmvtab fts3tokenize lsmode wholenumber prefixes http_get http_do lines_read
`)

/** True for the names of tables of the engine, its shell and its extensions that do more than hold data. */
export function isForeignTable(name: string): boolean {
  return reaching.has(name.toLowerCase()) || (reading.test(name) && !isReadingTable(name))
}

const modules = words('dbstat fts3 fts3tokenize fts4 fts4aux fts5 fts5vocab geopoly rtree rtree_i32')

/** True for the kinds of virtual tables the engine brings along, some of which are tables by their own names. */
export function isModule(name: string): boolean {
  return modules.has(name.toLowerCase())
}

/** The opcodes of a program that changes, or does something beside reading, whatever the authorizer was told. */
export const changingOpcodes = words(`
Vacuum IncrVacuum Checkpoint JournalMode SetCookie AutoCommit Savepoint CreateBtree Destroy Clear DropTable DropIndex
DropTrigger ParseSchema SqlExec VCreate VDestroy VUpdate VRename MaxPgcnt LoadAnalysis
`)
