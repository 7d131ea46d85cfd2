// PostgreSQL's own functions that only compute: no write, no file, no network, no sleep, no lock, no setting, and
// no row read that the statement's text does not name. Made from pg_proc of PostgreSQL 18 (everything immutable
// or stable that is meant to be called, plus the harmless volatile ones) less what reveals other sessions or
// reads tables named in a string. A function that is not here needs the operation `admin`.

// Aggregates and window functions.
const aggregates = `
any_value avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist dense_rank
every first_value lag last_value lead max min min_scale mode nth_value ntile percent_rank percentile_cont
percentile_disc rank regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
regr_syy row_number stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance xmlagg
`

// Text, regular expressions, hashes, encodings and XML.
const text = `
ascii bit_length bpchar btrim bttextcmp casefold char char_length character_length chr concat concat_ws
convert convert_from convert_to decode encode format hashtext hashtextextended initcap is_normalized left
length like like_escape lower lpad ltrim md5 name normalize notlike octet_length overlay parse_ident
position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match
regexp_matches regexp_replace regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim
sha224 sha256 sha384 sha512 similar_escape similar_to_escape split_part starts_with string_to_table strpos
substr substring text textcat texticlike textlike to_ascii to_bin to_hex to_number to_oct translate trim
trim_scale unistr upper varchar xml xml_is_well_formed xml_is_well_formed_content
xml_is_well_formed_document xmlcomment xmlconcat xmlelement xmlexists xmlforest xmlpi xmlroot xmltext
xpath xpath_exists
`

// Dates and times.
const time = `
age clock_timestamp date date_add date_bin date_eq date_mi_interval date_part date_pl_interval
date_subtract date_trunc datemultirange daterange extract interval isfinite justify_days justify_hours
justify_interval make_date make_interval make_time make_timestamp make_timestamptz
multirange_overlaps_range now overlaps range_overlaps range_overlaps_multirange statement_timestamp time
timeofday timestamp timestamp_pl_interval timestamptz timetz timezone to_char to_date to_timestamp
transaction_timestamp uuid_extract_timestamp uuid_extract_version xmlvalidate
`

// JSON.
const json = `
array_to_json json_agg json_agg_strict json_array_element json_array_element_text json_array_elements
json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text
json_extract_path json_extract_path_text json_object json_object_agg json_object_agg_strict
json_object_agg_unique json_object_agg_unique_strict json_object_field json_object_field_text
json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record
json_to_recordset json_to_tsvector json_typeof jsonb_agg jsonb_agg_strict jsonb_array_element
jsonb_array_element_text jsonb_array_elements jsonb_array_elements_text jsonb_array_length
jsonb_build_array jsonb_build_object jsonb_concat jsonb_contained jsonb_contains jsonb_delete
jsonb_delete_path jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any
jsonb_extract_path jsonb_extract_path_text jsonb_hash jsonb_insert jsonb_object jsonb_object_agg
jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_object_field
jsonb_object_field_text jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match
jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz
jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record
jsonb_populate_record_valid jsonb_populate_recordset jsonb_pretty jsonb_set
jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof row_to_json to_json
to_jsonb
`

// Arrays, ranges and series.
const sets = `
array_agg array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position
array_positions array_prepend array_remove array_replace array_reverse array_sample array_shuffle
array_sort array_to_string array_upper arraycontained arraycontains arrayoverlap cardinality
elem_contained_by_range enum_range generate_series generate_subscripts hash_array in_range int4multirange
int4range int8multirange int8range isempty lower_inc lower_inf multirange multirange_contains_elem
multirange_intersect multirange_minus multirange_union nummultirange numrange range_adjacent range_after
range_agg range_before range_contained_by range_contains range_contains_elem range_intersect
range_intersect_agg range_merge range_minus range_overleft range_overright range_union
regexp_split_to_array string_to_array trim_array tsmultirange tsrange tstzmultirange tstzrange unnest
upper_inc upper_inf
`

// Full-text search.
const search = `
array_to_tsvector get_current_ts_config numnode phraseto_tsquery plainto_tsquery querytree setweight strip
to_tsquery to_tsvector ts_debug ts_delete ts_filter ts_headline ts_lexize ts_match_qv ts_match_tq
ts_match_tt ts_match_vq ts_parse ts_rank ts_rank_cd ts_token_type tsquery_and tsquery_not tsquery_or
tsquery_phrase tsvector_to_array websearch_to_tsquery
`

// Numbers, bits, enums, geometry, networks, types used as functions.
const general = `
hash_array_extended hash_numeric_extended hash_range hash_record_extended hashbool hashbpchar hashbytea hashchar hashdate
hashfloat4 hashfloat8 hashinet hashint2 hashint4 hashint4extended hashint8 hashint8extended hashname hashoid
hashtextextended hashtimestamp uuid_hash jsonb_hash_extended int2send int4send int8send
float4send float8send numeric_send uuid_send inet_send date_send timestamp_send timestamptz_send boolsend
int4eq int4ne int4lt int4gt int4mod int8eq int8mod numeric_eq numeric_lt numeric_gt numeric_mod numeric_abs
numeric_power numeric_sqrt numeric_ln numeric_log numeric_exp date_cmp timestamp_cmp timestamptz_cmp uuid_cmp
array_eq array_ne array_cat array_larger array_smaller record_eq record_ne bitand bitor bitxor bitnot bitcat
icu_unicode_version
abbrev abs acos acosd acosh area asin asind asinh atan atan2 atan2d atand atanh bit bit_count bool
bound_box box box_intersect broadcast bytea cash_words cbrt ceil ceiling center cidr circle
circle_distance close_ls close_lseg close_pb close_pl close_ps close_sb cos cosd cosh cot cotd crc32
crc32c degrees diagonal diameter dist_pp div enum_first enum_last erf erfc exp factorial family float4
float8 floor gamma gcd gen_random_uuid get_bit get_byte hash_numeric hash_record height host hostmask
inet_merge inet_same_family int2 int4 int4div int4mi int4mul int4pl int8 int8mi int8pl isclosed
ishorizontal isopen isparallel isperp isvertical lcm lgamma line ln log log10 lseg macaddr macaddr8
macaddr8_set7bit masklen mod money netmask network npoints num_nonnulls num_nulls numeric numeric_add
numeric_div numeric_mul numeric_sub oid oidvectortypes path pclose pi point polygon popen pow power
radians radius random random_normal round scale set_bit set_byte set_masklen sign sin sind sinh slope sqrt
tan tand tanh trunc uuidv4 uuidv7 varbit width width_bucket xid
`

// System information that names no row of a table: catalogue lookups, sizes, privileges, settings.
const system = `
aclcontains current_query pg_available_extension_versions pg_available_extensions pg_collation_actual_version
pg_database_collation_actual_version pg_extension_update_paths pg_filenode_relation pg_get_catalog_foreign_keys
pg_get_object_address pg_get_replica_identity_index pg_get_wait_events pg_identify_object
pg_identify_object_as_address pg_is_other_temp_schema pg_is_wal_replay_paused pg_listening_channels
pg_notification_queue_usage pg_options_to_table pg_relation_is_publishable pg_settings_get_flags
pg_show_all_settings pg_split_walfile_name pg_tablespace_databases pg_tablespace_location pg_tablespace_size
pg_walfile_name_offset row_security_active
pg_stat_get_backend_idset pg_stat_get_backend_pid pg_stat_get_ins_since_vacuum pg_stat_get_lastscan
pg_stat_get_mod_since_analyze pg_stat_get_tuples_hot_updated pg_stat_get_xact_numscans
pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_inserted
pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_get_db_blocks_fetched
pg_stat_get_db_blocks_hit pg_stat_get_db_conflict_all pg_stat_get_db_deadlocks pg_stat_get_db_sessions
pg_stat_get_db_stat_reset_time pg_stat_get_db_temp_bytes pg_stat_get_db_temp_files pg_stat_get_db_tuples_deleted
pg_stat_get_db_tuples_fetched pg_stat_get_db_tuples_inserted pg_stat_get_db_tuples_returned
pg_stat_get_db_tuples_updated pg_stat_get_db_xact_commit pg_stat_get_db_xact_rollback
information_schema._pg_char_max_length information_schema._pg_char_octet_length
information_schema._pg_datetime_precision information_schema._pg_expandarray information_schema._pg_index_position
information_schema._pg_interval_type information_schema._pg_numeric_precision
information_schema._pg_numeric_precision_radix information_schema._pg_numeric_scale
information_schema._pg_truetypid information_schema._pg_truetypmod
acldefault aclexplode col_description current_database current_schema current_schemas current_setting
current_user format_type getdatabaseencoding getpgusername has_any_column_privilege
has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege
has_language_privilege has_largeobject_privilege has_parameter_privilege has_schema_privilege
has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
has_type_privilege inet_client_addr inet_client_port inet_server_addr inet_server_port lastval mxid_age
obj_description pg_backend_pid pg_basetype pg_blocking_pids pg_char_to_encoding pg_client_encoding
pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable pg_column_size
pg_column_toast_chunk_id pg_conversion_is_visible pg_current_snapshot pg_current_wal_flush_lsn
pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xact_id_if_assigned pg_database_size
pg_describe_object pg_encoding_max_length pg_encoding_to_char pg_function_is_visible pg_get_acl
pg_get_constraintdef pg_get_expr pg_get_function_arg_default pg_get_function_arguments
pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody pg_get_functiondef
pg_get_indexdef pg_get_keywords pg_get_partition_constraintdef pg_get_partkeydef pg_get_ruledef
pg_get_serial_sequence pg_get_statisticsobjdef pg_get_statisticsobjdef_columns
pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role
pg_index_column_has_property pg_index_has_property pg_indexam_has_property pg_indexes_size
pg_input_error_info pg_input_is_valid pg_is_in_recovery pg_jit_available pg_last_wal_receive_lsn
pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lsn pg_lsn_cmp pg_my_temp_schema
pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_partition_ancestors
pg_partition_root pg_partition_tree pg_postmaster_start_time pg_relation_filenode pg_relation_filepath
pg_relation_is_updatable pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_parameters
pg_size_bytes pg_size_pretty pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin
pg_statistics_obj_is_visible pg_table_is_visible pg_table_size pg_total_relation_size pg_trigger_depth
pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
pg_type_is_visible pg_typeof pg_visible_in_snapshot pg_wal_lsn_diff pg_walfile_name
pg_stat_get_analyze_count pg_stat_get_autoanalyze_count pg_stat_get_autovacuum_count pg_stat_get_blocks_fetched
pg_stat_get_blocks_hit pg_stat_get_dead_tuples pg_stat_get_db_numbackends pg_stat_get_last_analyze_time
pg_stat_get_last_autoanalyze_time pg_stat_get_last_autovacuum_time pg_stat_get_last_vacuum_time
pg_stat_get_live_tuples pg_stat_get_numscans pg_stat_get_tuples_deleted pg_stat_get_tuples_fetched
pg_stat_get_tuples_inserted pg_stat_get_tuples_returned pg_stat_get_tuples_updated pg_stat_get_vacuum_count
pg_conf_load_time pg_timezone_names pg_xact_commit_timestamp pg_xact_status regclass session_user shobj_description system_user to_regclass
to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype
to_regtypemod txid_current_if_assigned txid_current_snapshot txid_snapshot_xip txid_snapshot_xmax
txid_snapshot_xmin txid_status txid_visible_in_snapshot unicode_assigned unicode_version version
`

const operators = `
!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<=
<<| <= <> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~*
~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~*
`

const extensionOperators = `
<-> <=> <#> <+> <~> <%> % %% %# #= ?~ ?@ @> <@ ?<@ ?@> ^ ^@ ^<@ ^@> <<-> <->> <<<-> <->>> %> <<% %>> |=| &&& ~== @@
~ ~= <<#>> <<->> <% ~> ^~ ^? <@> #<# #># #<=# #>=#
`

// Pure functions of extensions that most installations have: hstore, pgcrypto, pg_trgm, fuzzystrmatch, unaccent,
// uuid-ossp, ltree, tablefunc, earthdistance, pgvector, PostGIS. Known by name only, and only when unqualified.
const extensions = `
hstore akeys skeys avals svals each exist defined slice slice_array exists_all exists_any isdefined isexists hstore_to_array hstore_to_matrix hstore_to_json
hstore_to_json_loose hstore_to_jsonb hstore_to_jsonb_loose populate_record digest hmac crypt gen_salt
gen_random_bytes encrypt decrypt encrypt_iv decrypt_iv pgp_sym_encrypt pgp_sym_decrypt pgp_pub_encrypt
pgp_pub_decrypt pgp_key_id armor dearmor similarity show_trgm word_similarity strict_word_similarity show_limit
levenshtein levenshtein_less_equal soundex difference metaphone dmetaphone dmetaphone_alt daitch_mokotoff
unaccent uuid_nil uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5
uuid_ns_dns uuid_ns_url nlevel subpath subltree lca text2ltree ltree2text normal_rand earth ll_to_earth
earth_distance earth_box latitude longitude sec_to_gc gc_to_sec cube cube_contained cube_contains cube_coord
cube_dim cube_distance cube_enlarge cube_inter cube_is_point cube_ll_coord cube_overlap cube_size cube_subset
cube_union cube_ur_coord icount idx intset sort sort_asc sort_desc subarray uniq text_soundex pgp_armor_headers
pgp_pub_decrypt_bytea pgp_sym_decrypt_bytea uuid_ns_oid uuid_ns_x500 int_array_aggregate int_array_enum cosine_distance l2_distance l1_distance inner_product vector_dims vector_norm
l2_normalize subvector st_area st_asbinary st_asewkt st_asgeojson st_astext st_azimuth st_boundary st_buffer
st_centroid st_collect st_contains st_convexhull st_coveredby st_covers st_crosses st_difference st_disjoint
st_distance st_distancesphere st_dwithin st_endpoint st_envelope st_equals st_expand st_extent st_geohash
st_geomfromgeojson st_geomfromtext st_geometrytype st_intersection st_intersects st_isempty st_isvalid st_length
st_linemerge st_makeenvelope st_makeline st_makepoint st_makepolygon st_makevalid st_npoints st_overlaps
st_perimeter st_point st_setsrid st_simplify st_srid st_startpoint st_touches st_transform st_union st_within
st_x st_xmax st_xmin st_y st_ymax st_ymin st_z
`

/** Functions that run SQL, or read tables, named in a string: what they touch cannot be known. */
const sqlInStrings = `
query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml
table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema
database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat crosstab crosstab2 crosstab3
crosstab4 crosstabn connectby xpath_table dblink dblink_exec dblink_open dblink_send_query
`

// Functions that change the session or the server and touch no stored data of their own. jsonb_set_lax is one of them
// because PostgreSQL (18.4 and before) ends with a segmentation fault where it is given a constant NULL for two rows.
const sessionOnly = `
jsonb_set_lax set_config setseed pg_sleep pg_sleep_for pg_sleep_until pg_notify pg_cancel_backend pg_terminate_backend
pg_reload_conf pg_rotate_logfile pg_export_snapshot pg_current_xact_id txid_current pg_advisory_lock
pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared
pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
`

const words = (...lists: string[]) => new Set(lists.join(' ').trim().split(/\s+/))

const pureBuiltins = words(aggregates, text, time, json, sets, search, general, system)
const pureExtensions = words(extensions)
const textFunctions = words(sqlInStrings)
const sessionFunctions = words(sessionOnly)
const pureOperators = words(operators, extensionOperators)
const pureTablesamples = words('system bernoulli system_rows system_time')

/**
 * What calling a function means. `pure`: nothing but a value. `sequence`: changes the sequence its first argument
 * names; `sequence value` reads it. `text`: runs or reads what a string says. `session`: changes the session or server, no stored data.
 * `unknown`: anything may happen.
 */
export type FunctionClass = 'pure' | 'sequence' | 'sequence value' | 'text' | 'session' | 'unknown'

/** Classifies a function by its resolved name (`lower`, `app.touch`); pg_catalog is not part of the name. */
export function classifyFunction(name: string, argumentCount: number, qualified: boolean): FunctionClass {
  if (name === 'nextval' || name === 'setval') return 'sequence'
  if (/^(currval|pg_sequence_last_value|pg_get_sequence_data)$/.test(name)) return 'sequence value'
  // ts_rewrite(query, text) runs its second argument; the form with three arguments only computes.
  if (name === 'ts_rewrite') return argumentCount === 3 ? 'pure' : 'text'
  if (pureBuiltins.has(name)) return 'pure'
  if (textFunctions.has(name)) return 'text'
  if (sessionFunctions.has(name)) return 'session'
  return !qualified && pureExtensions.has(name) ? 'pure' : 'unknown'
}

/** True for operators that come with PostgreSQL or a well-known extension; others may run any function. */
export function isKnownOperator(name: string): boolean {
  return pureOperators.has(name)
}

/** True for the TABLESAMPLE methods that only choose rows. */
export function isKnownTablesample(name: string): boolean {
  return pureTablesamples.has(name)
}

const setReturning = words(`
pg_available_extension_versions pg_available_extensions pg_extension_update_paths pg_get_catalog_foreign_keys
pg_get_wait_events pg_listening_channels pg_options_to_table pg_show_all_settings pg_stat_get_backend_idset
pg_tablespace_databases _pg_expandarray int_array_enum
aclexplode generate_series generate_subscripts json_array_elements json_array_elements_text json_each json_each_text
json_object_keys json_populate_recordset json_to_recordset jsonb_array_elements jsonb_array_elements_text jsonb_each
jsonb_each_text jsonb_object_keys jsonb_path_query jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset
pg_get_keywords pg_partition_ancestors pg_partition_tree pg_snapshot_xip pg_timezone_names regexp_matches
regexp_split_to_table string_to_table ts_debug ts_parse ts_token_type txid_snapshot_xip unnest
skeys svals each normal_rand
`)

/** True for the pure functions that answer many rows. */
export function returnsSet(name: string): boolean {
  return setReturning.has(name)
}
