import { asciiLower } from './mysql-lexer.ts'

// Functions of MySQL 8 and MariaDB that only compute: no write, no file, no network, no sleep, no lock, no variable,
// and no row read that the statement's text does not name. A function that is not here needs the operation `admin`.
// A function of one of the two servers may be somebody's own on the other; the second wall holds that. DEFAULT(column)
// computes whatever the column's default is: it may take the next value of a sequence.

const aggregates = `
any_value avg bit_and bit_or bit_xor count cume_dist dense_rank first_value group_concat grouping json_arrayagg
json_objectagg lag last_value lead max median min nth_value ntile percent_rank percentile_cont percentile_disc rank
row_number st_collect std stddev stddev_pop stddev_samp sum var_pop var_samp variance
`

const numbers = `
abs acos asin atan atan2 bin bit_count ceil ceiling conv cos cot crc32 crc32c degrees exp floor format greatest hex
interval least ln log log10 log2 mod oct pi pow power radians rand round sign sin sqrt tan truncate unhex
`

const text = `
ascii bit_length cast char char_length character_length charset chr coercibility collation concat concat_ws convert elt
export_set extractvalue field find_in_set format_bytes format_pico_time from_base64 insert instr lcase left length lengthb
locate lower lpad ltrim make_set mid natural_sort_key octet_length ord position quote regexp_instr regexp_like
regexp_replace regexp_substr repeat replace reverse right rpad rtrim sformat soundex space strcmp substr substring
substring_index to_base64 to_char trim ucase updatexml upper weight_string
`

const time = `
add_months adddate addtime convert_tz curdate current_date current_time current_timestamp curtime date date_add
date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear extract from_days from_unixtime get_format hour
last_day localtime localtimestamp makedate maketime microsecond minute month monthname now period_add period_diff quarter
sec_to_time second str_to_date subdate subtime sysdate time time_format time_to_sec timediff timestamp timestampadd
timestampdiff to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear year yearweek
`

const json = `
json_array json_array_append json_array_insert json_array_intersect json_compact json_contains json_contains_path
json_depth json_detailed json_equals json_exists json_extract json_insert json_keys json_key_value json_length json_loose
json_merge json_merge_patch json_merge_preserve json_normalize json_object json_object_filter_keys json_object_to_array
json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
json_schema_validation_report json_search json_set json_storage_free json_storage_size json_table json_type json_unquote
json_valid json_value
`

const general = `
bin_to_uuid coalesce compress if ifnull inet_aton inet_ntoa inet6_aton inet6_ntoa is_ipv4
is_ipv4_compat is_ipv4_mapped is_ipv6 is_uuid isnull md5 name_const nullif nvl nvl2 random_bytes sha sha1 sha2
statement_digest statement_digest_text uncompress uncompressed_length uuid uuid_to_bin uuid_v4 uuid_v7 values
aes_decrypt aes_encrypt des_decrypt des_encrypt decode encode encrypt old_password password kdf gtid_subset gtid_subtract
column_add column_check column_create column_delete column_exists column_get column_json column_list
`

const session = `
connection_id current_role current_user database found_rows icu_version is_free_lock is_used_lock last_insert_id ps_current_thread_id row_count
schema session_user system_user user version
`

const spatial = `
area asbinary astext aswkb aswkt boundary buffer centroid contains convexhull crosses dimension disjoint distance endpoint
envelope equals exteriorring geomcollfromtext geomcollfromwkb geometrycollection geometryn geometrytype geomfromtext
geomfromwkb glength interiorringn intersects isclosed isempty isring issimple linefromtext linefromwkb linestring
mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequal mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin
multilinestring multipoint multipolygon numgeometries numinteriorrings numpoints overlaps point pointfromtext
pointfromwkb pointn pointonsurface polyfromtext polyfromwkb polygon srid st_area st_asbinary st_asgeojson st_astext
st_aswkb st_aswkt st_boundary st_buffer st_buffer_strategy st_centroid st_contains st_convexhull st_crosses st_difference
st_dimension st_disjoint st_distance st_distance_sphere st_endpoint st_envelope st_equals st_exteriorring
st_frechetdistance st_geohash st_geomcollfromtext st_geomcollfromwkb st_geometrycollectionfromtext st_geometryfromtext
st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb st_hausdorffdistance st_interiorringn
st_intersection st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_latfromgeohash st_latitude
st_length st_linefromtext st_linefromwkb st_lineinterpolatepoint st_lineinterpolatepoints st_linestringfromtext
st_longfromgeohash st_longitude st_makeenvelope st_mlinefromtext st_mpointfromtext st_mpolyfromtext st_numgeometries
st_numinteriorring st_numinteriorrings st_numpoints st_overlaps st_pointatdistance st_pointfromgeohash st_pointfromtext
st_pointfromwkb st_pointn st_pointonsurface st_polyfromtext st_polyfromwkb st_polygonfromtext st_relate st_simplify
st_srid st_startpoint st_swapxy st_symdifference st_touches st_transform st_union st_validate st_within st_x st_y
startpoint touches within x y
`

// They change the session or hold others up, and touch no stored data of their own.
const sessionOnly = `
benchmark get_lock release_all_locks release_lock sleep master_gtid_wait master_pos_wait source_pos_wait
wait_for_executed_gtid_set wait_until_sql_thread_after_gtids uuid_short
`

const words = (...lists: string[]): ReadonlySet<string> => new Set(lists.join(' ').trim().split(/\s+/))
const upperWords = (list: string): ReadonlySet<string> => words(list.toUpperCase())

const pure = words(aggregates, numbers, text, time, json, general, session, spatial)
const changesSession = words(sessionOnly)
const sequences = words('nextval setval lastval')

/**
 * What calling a function means. `pure`: nothing but a value. `session`: changes the session or holds others up.
 * `sequence`: as its argument says. `file`: reads a file of the server. `unknown`: anything may happen.
 */
export type FunctionClass = 'pure' | 'session' | 'sequence' | 'file' | 'unknown'

/** Classifies a built-in function by its name in capitals. */
export function classifyFunction(upper: string, withoutArguments: boolean): FunctionClass {
  const lower = asciiLower(upper)
  // With an argument it sets what it returns from then on.
  if (lower === 'last_insert_id' && !withoutArguments) return 'session'
  if (pure.has(lower)) return 'pure'
  if (changesSession.has(lower)) return 'session'
  if (sequences.has(lower)) return 'sequence'
  return lower === 'load_file' ? 'file' : 'unknown'
}

const keywordFunctions = upperWords(`
adddate bit_and bit_or bit_xor cast count cume_dist curdate curtime date_add date_sub dense_rank extract first_value
group_concat json_arrayagg json_objectagg lag lead max median mid min now nth_value ntile percent_rank percentile_cont
percentile_disc position rank row_number session_user st_collect std stddev stddev_pop stddev_samp subdate substr
substring sum sysdate system_user trim var_pop var_samp variance
`)

/** True for a function that is one only with its bracket at once behind its name. */
export function isKeywordFunction(upper: string): boolean {
  return keywordFunctions.has(upper)
}

const reservedFunctions = upperWords(`
char convert current_date current_time current_timestamp current_user database default if insert left localtime
localtimestamp mod repeat replace right schema utc_date utc_time utc_timestamp values
`)

/** True for a function whose name is a word that is reserved otherwise. */
export function isReservedFunction(upper: string): boolean {
  return reservedFunctions.has(upper)
}

/** Functions that are called without brackets. */
export const withoutBrackets: ReadonlySet<string> = upperWords(`
current_date current_role current_time current_timestamp current_user localtime localtimestamp utc_date utc_time
utc_timestamp
`)
