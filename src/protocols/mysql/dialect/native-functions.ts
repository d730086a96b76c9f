import { wordList } from '../../../shared/word-list.ts'
import type { ServerVersion } from '../wire/server-version.ts'

/**
 * The server's own functions. An unqualified name in the list never refers to a loadable or stored function: the server looks for its own
 * first (sql_yacc.yy, function_call_generic). A name that a server of this version does not have may refer to either, and is not in the
 * list. `name=version` exists from that version on. Sources: MySQL manual, Built-In Function and Operator Reference; MariaDB, Function and
 * Operator Reference, and information_schema.SQL_FUNCTIONS.
 */
const OF_BOTH = wordList(`
  abs acos adddate addtime aes_decrypt aes_encrypt ascii asin atan atan2 avg bin bit_and bit_count bit_length bit_or bit_xor ceil ceiling
  char char_length character_length charset coalesce coercibility collation compress concat concat_ws connection_id conv convert
  convert_tz cos cot count crc32 curdate current_date current_role current_time current_timestamp current_user curtime database date date_add
  date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear default degrees elt exp export_set extract extractvalue field
  find_in_set floor format found_rows from_base64 from_days from_unixtime get_format greatest group_concat hex hour if ifnull inet6_aton
  inet6_ntoa inet_aton inet_ntoa insert instr interval is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 isnull last_day lcase least left
  length ln localtime localtimestamp locate log log10 log2 lower lpad ltrim make_set makedate maketime match max md5 microsecond mid min minute
  mod month monthname name_const now nullif oct octet_length ord period_add period_diff pi position pow power quarter quote
  radians rand repeat replace reverse right round row_count rpad rtrim schema schemas sec_to_time second session_user sha sha1 sha2 sign
  sin soundex space sqrt std stddev stddev_pop stddev_samp str_to_date strcmp subdate substr substring substring_index subtime sum sysdate
  system_user tan time time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_days to_seconds trim truncate ucase
  uncompress uncompressed_length unhex unix_timestamp upper user utc_date utc_time utc_timestamp uuid uuid_short values var_pop var_samp variance
  version week weekday weekofyear weight_string year yearweek
  benchmark get_lock is_free_lock is_used_lock last_insert_id load_file master_pos_wait release_all_locks release_lock sleep updatexml
  json_array json_array_append json_array_insert json_contains json_contains_path json_depth json_extract json_insert json_keys
  json_length json_object json_quote json_remove json_replace json_search json_set json_type json_unquote json_valid
`)

const OF_MYSQL = wordList(`
  any_value=50705 bin_to_uuid=80000 cume_dist=80002 dense_rank=80002 first_value=80002 format_bytes=80016 format_pico_time=80016 grouping=80001
  gtid_subset=50605 gtid_subtract=50605 icu_version=80020 is_uuid=80000 json_arrayagg=50722 json_merge_patch=50722 json_merge_preserve=50722
  json_objectagg=50722 json_overlaps=80017 json_pretty=50722 json_schema_valid=80017 json_schema_validation_report=80017
  json_storage_free=80002 json_storage_size=50722 json_value=80021 lag=80002 last_value=80002 lead=80002 nth_value=80002 ntile=80002
  percent_rank=80002 ps_current_thread_id=80016 ps_thread_id=80016 random_bytes=50617 rank=80002 regexp_instr=80004 regexp_like=80004
  regexp_replace=80004 regexp_substr=80004 roles_graphml=80000 row_number=80002 source_pos_wait=80026 statement_digest=80004
  statement_digest_text=80004 uuid_to_bin=80000 validate_password_strength=50606 wait_for_executed_gtid_set=50705
`)

const OF_MARIADB = wordList(`
  add_months=100601 binlog_gtid_pos=100002 chr=100301 column_add=100001 column_check=100001 column_create=100001 column_delete=100001
  column_exists=100001 column_get=100001 column_json=100001 column_list=100001 crc32c=100800 cume_dist=100200 decode=50100 decode_histogram=100002
  dense_rank=100200 des_decrypt=50100 des_encrypt=50100 encode=50100 encrypt=50100 first_value=100200 format_pico_time=110000
  json_array_intersect=110200 json_arrayagg=100500 json_compact=100204 json_detailed=100204 json_equals=100700 json_exists=100203
  json_key_value=110200 json_loose=100204 json_merge=100203 json_merge_patch=100207 json_merge_preserve=100207 json_normalize=100700
  json_object_filter_keys=110200 json_object_to_array=110200 json_objectagg=100500 json_overlaps=100900 json_pretty=101003 json_query=100203
  json_schema_valid=110100 json_value=100203 kdf=110300 lag=100200 last_value=100200 lastval=100300 lead=100200 lengthb=100301 master_gtid_wait=100009
  median=100303 natural_sort_key=100700 nextval=100300 nth_value=100200 ntile=100200 nvl=100300 nvl2=100300 old_password=50100
  password=50100 percent_rank=100200 percentile_cont=100303 percentile_disc=100303 random_bytes=101000 rank=100200 regexp_instr=100005
  regexp_replace=100005 regexp_substr=100005 row_number=100200 setval=100300 sformat=100700 sys_guid=100601 to_char=100601 trim_oracle=100301
`)

/** Geometry: the same in both, except for functions that only one has. */
const OF_GEOMETRY = wordList(`
  geometrycollection geometryfromtext linestring multilinestring multipoint multipolygon point polygon st_area st_asbinary st_asgeojson
  st_astext st_aswkb st_aswkt st_buffer st_centroid st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance
  st_distance_sphere st_endpoint st_envelope st_equals st_exteriorring st_geomcollfromtext st_geomcollfromwkb st_geometryn st_geometrytype
  st_geomfromgeojson st_geomfromtext st_geomfromwkb st_interiorringn st_intersection st_intersects st_isclosed st_isempty st_issimple st_length
  st_linefromtext st_linefromwkb st_numgeometries st_numinteriorrings st_numpoints st_overlaps st_pointfromtext st_pointfromwkb st_pointn
  st_polyfromtext st_polyfromwkb st_srid st_startpoint st_symdifference st_touches st_union st_within st_x st_y
`)

const known = new Map<string, ReadonlySet<string>>()

/** Names of the functions that a server of this version has, in lower case. */
export function nativeFunctions({ flavor, number }: ServerVersion): ReadonlySet<string> {
  const key = `${flavor} ${number}`
  const before = known.get(key)
  if (before !== undefined) return before
  const own = (flavor === 'mysql' ? OF_MYSQL : OF_MARIADB).flatMap((word) => {
    const [name = '', since] = word.split('=')
    return number >= Number(since) ? [name] : []
  })
  const all = new Set([...OF_BOTH, ...OF_GEOMETRY, ...own])
  known.set(key, all)
  return all
}
