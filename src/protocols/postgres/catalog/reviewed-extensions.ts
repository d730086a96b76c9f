import { wordList } from '../../../shared/word-list.ts'

/**
 * The objects of an extension that compute a value from their arguments, and read and change nothing. The lists were made from what CREATE
 * EXTENSION installs on each version, and from the documentation of each extension; the C code of contrib was searched for functions that
 * reach beyond their arguments. Not every function was read line by line.
 */
export interface ReviewedExtension {
  readonly library: string
  /** `name(types of the arguments)`, with the symbol in the library if its name differs, or what it is instead. */
  readonly functions: readonly string[]
  /** `name(left,right)`, and the name of its function. */
  readonly operators: readonly string[]
}

/**
 * The accepted extensions of PostgreSQL's contrib, as versions 14 to 18 install them. Not included are functions that change a setting
 * (set_limit) or read a file named in an option (the template of unaccent), and all extensions that read or change anything beyond their
 * arguments: dblink, file_fdw, postgres_fdw, lo, tablefunc, xml2, adminpack, pageinspect and the like.
 */
export const REVIEWED_EXTENSIONS: Readonly<Record<string, ReviewedExtension>> = {
  btree_gin: {
    library: '$libdir/btree_gin',
    functions: wordList(`
      gin_btree_consistent(internal,int2,anyelement,int4,internal,internal) gin_compare_prefix_anyenum(anyenum,anyenum,int2,internal)
      gin_compare_prefix_bit(bit,bit,int2,internal) gin_compare_prefix_bool(bool,bool,int2,internal) gin_compare_prefix_bpchar(bpchar,bpchar,int2,internal)
      gin_compare_prefix_bytea(bytea,bytea,int2,internal) gin_compare_prefix_char(char,char,int2,internal) gin_compare_prefix_cidr(cidr,cidr,int2,internal)
      gin_compare_prefix_date(date,date,int2,internal) gin_compare_prefix_float4(float4,float4,int2,internal)
      gin_compare_prefix_float8(float8,float8,int2,internal) gin_compare_prefix_inet(inet,inet,int2,internal)
      gin_compare_prefix_int2(int2,int2,int2,internal) gin_compare_prefix_int4(int4,int4,int2,internal) gin_compare_prefix_int8(int8,int8,int2,internal)
      gin_compare_prefix_interval(interval,interval,int2,internal) gin_compare_prefix_macaddr(macaddr,macaddr,int2,internal)
      gin_compare_prefix_macaddr8(macaddr8,macaddr8,int2,internal) gin_compare_prefix_money(money,money,int2,internal)
      gin_compare_prefix_name(name,name,int2,internal) gin_compare_prefix_numeric(numeric,numeric,int2,internal)
      gin_compare_prefix_oid(oid,oid,int2,internal) gin_compare_prefix_text(text,text,int2,internal) gin_compare_prefix_time(time,time,int2,internal)
      gin_compare_prefix_timestamp(timestamp,timestamp,int2,internal) gin_compare_prefix_timestamptz(timestamptz,timestamptz,int2,internal)
      gin_compare_prefix_timetz(timetz,timetz,int2,internal) gin_compare_prefix_uuid(uuid,uuid,int2,internal)
      gin_compare_prefix_varbit(varbit,varbit,int2,internal) gin_enum_cmp(anyenum,anyenum)
      gin_extract_query_anyenum(anyenum,internal,int2,internal,internal) gin_extract_query_bit(bit,internal,int2,internal,internal)
      gin_extract_query_bool(bool,internal,int2,internal,internal) gin_extract_query_bpchar(bpchar,internal,int2,internal,internal)
      gin_extract_query_bytea(bytea,internal,int2,internal,internal) gin_extract_query_char(char,internal,int2,internal,internal)
      gin_extract_query_cidr(cidr,internal,int2,internal,internal) gin_extract_query_date(date,internal,int2,internal,internal)
      gin_extract_query_float4(float4,internal,int2,internal,internal) gin_extract_query_float8(float8,internal,int2,internal,internal)
      gin_extract_query_inet(inet,internal,int2,internal,internal) gin_extract_query_int2(int2,internal,int2,internal,internal)
      gin_extract_query_int4(int4,internal,int2,internal,internal) gin_extract_query_int8(int8,internal,int2,internal,internal)
      gin_extract_query_interval(interval,internal,int2,internal,internal) gin_extract_query_macaddr(macaddr,internal,int2,internal,internal)
      gin_extract_query_macaddr8(macaddr8,internal,int2,internal,internal) gin_extract_query_money(money,internal,int2,internal,internal)
      gin_extract_query_name(name,internal,int2,internal,internal) gin_extract_query_numeric(numeric,internal,int2,internal,internal)
      gin_extract_query_oid(oid,internal,int2,internal,internal) gin_extract_query_text(text,internal,int2,internal,internal)
      gin_extract_query_time(time,internal,int2,internal,internal) gin_extract_query_timestamp(timestamp,internal,int2,internal,internal)
      gin_extract_query_timestamptz(timestamptz,internal,int2,internal,internal) gin_extract_query_timetz(timetz,internal,int2,internal,internal)
      gin_extract_query_uuid(uuid,internal,int2,internal,internal) gin_extract_query_varbit(varbit,internal,int2,internal,internal)
      gin_extract_value_anyenum(anyenum,internal) gin_extract_value_bit(bit,internal) gin_extract_value_bool(bool,internal)
      gin_extract_value_bpchar(bpchar,internal) gin_extract_value_bytea(bytea,internal) gin_extract_value_char(char,internal)
      gin_extract_value_cidr(cidr,internal) gin_extract_value_date(date,internal) gin_extract_value_float4(float4,internal)
      gin_extract_value_float8(float8,internal) gin_extract_value_inet(inet,internal) gin_extract_value_int2(int2,internal)
      gin_extract_value_int4(int4,internal) gin_extract_value_int8(int8,internal) gin_extract_value_interval(interval,internal)
      gin_extract_value_macaddr(macaddr,internal) gin_extract_value_macaddr8(macaddr8,internal) gin_extract_value_money(money,internal)
      gin_extract_value_name(name,internal) gin_extract_value_numeric(numeric,internal) gin_extract_value_oid(oid,internal)
      gin_extract_value_text(text,internal) gin_extract_value_time(time,internal) gin_extract_value_timestamp(timestamp,internal)
      gin_extract_value_timestamptz(timestamptz,internal) gin_extract_value_timetz(timetz,internal) gin_extract_value_uuid(uuid,internal)
      gin_extract_value_varbit(varbit,internal) gin_numeric_cmp(numeric,numeric)
    `),
    operators: [],
  },
  btree_gist: {
    library: '$libdir/btree_gist',
    functions: wordList(`
      cash_dist(money,money) date_dist(date,date) float4_dist(float4,float4) float8_dist(float8,float8) gbt_bit_compress(internal)
      gbt_bit_consistent(internal,bit,int2,oid,internal) gbt_bit_penalty(internal,internal,internal) gbt_bit_picksplit(internal,internal)
      gbt_bit_same(gbtreekey_var,gbtreekey_var,internal) gbt_bit_sortsupport(internal) gbt_bit_union(internal,internal) gbt_bool_compress(internal)
      gbt_bool_consistent(internal,bool,int2,oid,internal) gbt_bool_fetch(internal) gbt_bool_penalty(internal,internal,internal)
      gbt_bool_picksplit(internal,internal) gbt_bool_same(gbtreekey2,gbtreekey2,internal) gbt_bool_sortsupport(internal) gbt_bool_union(internal,internal)
      gbt_bpchar_compress(internal) gbt_bpchar_consistent(internal,bpchar,int2,oid,internal) gbt_bpchar_sortsupport(internal) gbt_bytea_compress(internal)
      gbt_bytea_consistent(internal,bytea,int2,oid,internal) gbt_bytea_penalty(internal,internal,internal) gbt_bytea_picksplit(internal,internal)
      gbt_bytea_same(gbtreekey_var,gbtreekey_var,internal) gbt_bytea_sortsupport(internal) gbt_bytea_union(internal,internal) gbt_cash_compress(internal)
      gbt_cash_consistent(internal,money,int2,oid,internal) gbt_cash_distance(internal,money,int2,oid,internal) gbt_cash_fetch(internal)
      gbt_cash_penalty(internal,internal,internal) gbt_cash_picksplit(internal,internal) gbt_cash_same(gbtreekey16,gbtreekey16,internal)
      gbt_cash_sortsupport(internal) gbt_cash_union(internal,internal) gbt_date_compress(internal) gbt_date_consistent(internal,date,int2,oid,internal)
      gbt_date_distance(internal,date,int2,oid,internal) gbt_date_fetch(internal) gbt_date_penalty(internal,internal,internal)
      gbt_date_picksplit(internal,internal) gbt_date_same(gbtreekey8,gbtreekey8,internal) gbt_date_sortsupport(internal) gbt_date_union(internal,internal)
      gbt_decompress(internal) gbt_enum_compress(internal) gbt_enum_consistent(internal,anyenum,int2,oid,internal) gbt_enum_fetch(internal)
      gbt_enum_penalty(internal,internal,internal) gbt_enum_picksplit(internal,internal) gbt_enum_same(gbtreekey8,gbtreekey8,internal)
      gbt_enum_sortsupport(internal) gbt_enum_union(internal,internal) gbt_float4_compress(internal)
      gbt_float4_consistent(internal,float4,int2,oid,internal) gbt_float4_distance(internal,float4,int2,oid,internal) gbt_float4_fetch(internal)
      gbt_float4_penalty(internal,internal,internal) gbt_float4_picksplit(internal,internal) gbt_float4_same(gbtreekey8,gbtreekey8,internal)
      gbt_float4_sortsupport(internal) gbt_float4_union(internal,internal) gbt_float8_compress(internal)
      gbt_float8_consistent(internal,float8,int2,oid,internal) gbt_float8_distance(internal,float8,int2,oid,internal) gbt_float8_fetch(internal)
      gbt_float8_penalty(internal,internal,internal) gbt_float8_picksplit(internal,internal) gbt_float8_same(gbtreekey16,gbtreekey16,internal)
      gbt_float8_sortsupport(internal) gbt_float8_union(internal,internal) gbt_inet_compress(internal) gbt_inet_consistent(internal,inet,int2,oid,internal)
      gbt_inet_penalty(internal,internal,internal) gbt_inet_picksplit(internal,internal) gbt_inet_same(gbtreekey16,gbtreekey16,internal)
      gbt_inet_sortsupport(internal) gbt_inet_union(internal,internal) gbt_int2_compress(internal) gbt_int2_consistent(internal,int2,int2,oid,internal)
      gbt_int2_distance(internal,int2,int2,oid,internal) gbt_int2_fetch(internal) gbt_int2_penalty(internal,internal,internal)
      gbt_int2_picksplit(internal,internal) gbt_int2_same(gbtreekey4,gbtreekey4,internal) gbt_int2_sortsupport(internal) gbt_int2_union(internal,internal)
      gbt_int4_compress(internal) gbt_int4_consistent(internal,int4,int2,oid,internal) gbt_int4_distance(internal,int4,int2,oid,internal)
      gbt_int4_fetch(internal) gbt_int4_penalty(internal,internal,internal) gbt_int4_picksplit(internal,internal)
      gbt_int4_same(gbtreekey8,gbtreekey8,internal) gbt_int4_sortsupport(internal) gbt_int4_union(internal,internal) gbt_int8_compress(internal)
      gbt_int8_consistent(internal,int8,int2,oid,internal) gbt_int8_distance(internal,int8,int2,oid,internal) gbt_int8_fetch(internal)
      gbt_int8_penalty(internal,internal,internal) gbt_int8_picksplit(internal,internal) gbt_int8_same(gbtreekey16,gbtreekey16,internal)
      gbt_int8_sortsupport(internal) gbt_int8_union(internal,internal) gbt_intv_compress(internal) gbt_intv_consistent(internal,interval,int2,oid,internal)
      gbt_intv_decompress(internal) gbt_intv_distance(internal,interval,int2,oid,internal) gbt_intv_fetch(internal)
      gbt_intv_penalty(internal,internal,internal) gbt_intv_picksplit(internal,internal) gbt_intv_same(gbtreekey32,gbtreekey32,internal)
      gbt_intv_sortsupport(internal) gbt_intv_union(internal,internal) gbt_macad8_compress(internal)
      gbt_macad8_consistent(internal,macaddr8,int2,oid,internal) gbt_macad8_fetch(internal) gbt_macad8_penalty(internal,internal,internal)
      gbt_macad8_picksplit(internal,internal) gbt_macad8_same(gbtreekey16,gbtreekey16,internal) gbt_macad8_sortsupport(internal)
      gbt_macad8_union(internal,internal) gbt_macad_compress(internal) gbt_macad_consistent(internal,macaddr,int2,oid,internal) gbt_macad_fetch(internal)
      gbt_macad_penalty(internal,internal,internal) gbt_macad_picksplit(internal,internal) gbt_macad_same(gbtreekey16,gbtreekey16,internal)
      gbt_macad_union(internal,internal) gbt_macaddr_sortsupport(internal) gbt_numeric_compress(internal)
      gbt_numeric_consistent(internal,numeric,int2,oid,internal) gbt_numeric_penalty(internal,internal,internal) gbt_numeric_picksplit(internal,internal)
      gbt_numeric_same(gbtreekey_var,gbtreekey_var,internal) gbt_numeric_sortsupport(internal) gbt_numeric_union(internal,internal)
      gbt_oid_compress(internal) gbt_oid_consistent(internal,oid,int2,oid,internal) gbt_oid_distance(internal,oid,int2,oid,internal) gbt_oid_fetch(internal)
      gbt_oid_penalty(internal,internal,internal) gbt_oid_picksplit(internal,internal) gbt_oid_same(gbtreekey8,gbtreekey8,internal)
      gbt_oid_sortsupport(internal) gbt_oid_union(internal,internal) gbt_text_compress(internal) gbt_text_consistent(internal,text,int2,oid,internal)
      gbt_text_penalty(internal,internal,internal) gbt_text_picksplit(internal,internal) gbt_text_same(gbtreekey_var,gbtreekey_var,internal)
      gbt_text_sortsupport(internal) gbt_text_union(internal,internal) gbt_time_compress(internal) gbt_time_consistent(internal,time,int2,oid,internal)
      gbt_time_distance(internal,time,int2,oid,internal) gbt_time_fetch(internal) gbt_time_penalty(internal,internal,internal)
      gbt_time_picksplit(internal,internal) gbt_time_same(gbtreekey16,gbtreekey16,internal) gbt_time_sortsupport(internal) gbt_time_union(internal,internal)
      gbt_timetz_compress(internal) gbt_timetz_consistent(internal,timetz,int2,oid,internal) gbt_ts_compress(internal)
      gbt_ts_consistent(internal,timestamp,int2,oid,internal) gbt_ts_distance(internal,timestamp,int2,oid,internal) gbt_ts_fetch(internal)
      gbt_ts_penalty(internal,internal,internal) gbt_ts_picksplit(internal,internal) gbt_ts_same(gbtreekey16,gbtreekey16,internal)
      gbt_ts_sortsupport(internal) gbt_ts_union(internal,internal) gbt_tstz_compress(internal) gbt_tstz_consistent(internal,timestamptz,int2,oid,internal)
      gbt_tstz_distance(internal,timestamptz,int2,oid,internal) gbt_uuid_compress(internal) gbt_uuid_consistent(internal,uuid,int2,oid,internal)
      gbt_uuid_fetch(internal) gbt_uuid_penalty(internal,internal,internal) gbt_uuid_picksplit(internal,internal)
      gbt_uuid_same(gbtreekey32,gbtreekey32,internal) gbt_uuid_sortsupport(internal) gbt_uuid_union(internal,internal) gbt_var_decompress(internal)
      gbt_var_fetch(internal) gbt_varbit_sortsupport(internal) gbtreekey16_in(cstring)=gbtreekey_in gbtreekey16_out(gbtreekey16)=gbtreekey_out
      gbtreekey2_in(cstring)=gbtreekey_in gbtreekey2_out(gbtreekey2)=gbtreekey_out gbtreekey32_in(cstring)=gbtreekey_in
      gbtreekey32_out(gbtreekey32)=gbtreekey_out gbtreekey4_in(cstring)=gbtreekey_in gbtreekey4_out(gbtreekey4)=gbtreekey_out
      gbtreekey8_in(cstring)=gbtreekey_in gbtreekey8_out(gbtreekey8)=gbtreekey_out gbtreekey_var_in(cstring)=gbtreekey_in
      gbtreekey_var_out(gbtreekey_var)=gbtreekey_out gist_translate_cmptype_btree(int4) int2_dist(int2,int2) int4_dist(int4,int4) int8_dist(int8,int8)
      interval_dist(interval,interval) oid_dist(oid,oid) time_dist(time,time) ts_dist(timestamp,timestamp) tstz_dist(timestamptz,timestamptz)
    `),
    operators: wordList(String.raw`
      <->(date,date)=date_dist <->(float4,float4)=float4_dist <->(float8,float8)=float8_dist <->(int2,int2)=int2_dist <->(int4,int4)=int4_dist
      <->(int8,int8)=int8_dist <->(interval,interval)=interval_dist <->(money,money)=cash_dist <->(oid,oid)=oid_dist <->(time,time)=time_dist
      <->(timestamp,timestamp)=ts_dist <->(timestamptz,timestamptz)=tstz_dist
    `),
  },
  citext: {
    library: '$libdir/citext',
    functions: wordList(`
      citext(bool)=internal:booltext citext(bpchar)=internal:rtrim1 citext(inet)=internal:network_show citext_cmp(citext,citext) citext_eq(citext,citext)
      citext_ge(citext,citext) citext_gt(citext,citext) citext_hash(citext) citext_hash_extended(citext,int8) citext_larger(citext,citext)
      citext_le(citext,citext) citext_lt(citext,citext) citext_ne(citext,citext) citext_pattern_cmp(citext,citext) citext_pattern_ge(citext,citext)
      citext_pattern_gt(citext,citext) citext_pattern_le(citext,citext) citext_pattern_lt(citext,citext) citext_smaller(citext,citext)
      citextin(cstring)=internal:textin citextout(citext)=internal:textout citextrecv(internal)=internal:textrecv citextsend(citext)=internal:textsend
      max(citext)=internal:aggregate_dummy min(citext)=internal:aggregate_dummy regexp_match(citext,citext)=sql:13eaa5b28cc2a75325b6403db6c40e26
      regexp_match(citext,citext)=sql:59733b403b5aa0263fbb19efd541d948 regexp_match(citext,citext,text)=sql:545c75e6e7fcf19ae2694b52b3c2e421
      regexp_match(citext,citext,text)=sql:df5111b805c77bf8e3b2383dcfd258a9 regexp_matches(citext,citext)=sql:1465898cde6b63334432b618a8fa1824
      regexp_matches(citext,citext)=sql:621381adce6c81b97e7ed45693eea508 regexp_matches(citext,citext,text)=sql:0e9143b2ff9f3126fe904f60ad5e94ec
      regexp_matches(citext,citext,text)=sql:e020d73e508c45776f2589664139ab25 regexp_replace(citext,citext,text)=sql:3296470b52ea953491dc0a132f1e7296
      regexp_replace(citext,citext,text)=sql:c86fa0190bb89b4e4c5203056bddfe0a regexp_replace(citext,citext,text,text)=sql:35ea05fe71438a94802be8b01e95559c
      regexp_replace(citext,citext,text,text)=sql:abb133fd17c0361dc585c2ef8e65c939 regexp_split_to_array(citext,citext)=sql:16eb30d7e6b9ef87a2c8e22f6d12c73c
      regexp_split_to_array(citext,citext)=sql:d1e4441b350d3dcd7043db55a5f5aace
      regexp_split_to_array(citext,citext,text)=sql:305a7301a22b2371595fc8539832f317
      regexp_split_to_array(citext,citext,text)=sql:b293109f31308e86a3b9fe25a2cd36e2
      regexp_split_to_table(citext,citext)=sql:33727302f0eb3a21155472316aba0d2c regexp_split_to_table(citext,citext)=sql:5b99fc48150e3c6fe5e2497a54cfcd53
      regexp_split_to_table(citext,citext,text)=sql:1897b1c289a16408a9c472f30f1be3cf
      regexp_split_to_table(citext,citext,text)=sql:e0c102e66450c3980fa07c45f6cb49a2 replace(citext,citext,citext)=sql:19d6148a86a41ebf6bd1735ca4e5ce11
      replace(citext,citext,citext)=sql:5d2c03313f92437c6dfabca8a8d52f73 split_part(citext,citext,int4)=sql:585dd295a43557deed325337017356b9
      split_part(citext,citext,int4)=sql:cd5244a069e85a07312cbecf3f9da4b5 strpos(citext,citext)=sql:313e99e84d450a07eabd231bfe401b81
      strpos(citext,citext)=sql:6ab2b2725f95aa91765b792053600a22 texticlike(citext,citext)=internal:texticlike texticlike(citext,text)=internal:texticlike
      texticnlike(citext,citext)=internal:texticnlike texticnlike(citext,text)=internal:texticnlike texticregexeq(citext,citext)=internal:texticregexeq
      texticregexeq(citext,text)=internal:texticregexeq texticregexne(citext,citext)=internal:texticregexne
      texticregexne(citext,text)=internal:texticregexne translate(citext,citext,text)=sql:17dd9f1a1176a537dee087e4e99c77db
      translate(citext,citext,text)=sql:90ef6e919909394369204995677ed903
    `),
    operators: wordList(String.raw`
      !~(citext,citext)=texticregexne !~(citext,text)=texticregexne !~*(citext,citext)=texticregexne !~*(citext,text)=texticregexne
      !~~(citext,citext)=texticnlike !~~(citext,text)=texticnlike !~~*(citext,citext)=texticnlike !~~*(citext,text)=texticnlike <(citext,citext)=citext_lt
      <=(citext,citext)=citext_le <>(citext,citext)=citext_ne =(citext,citext)=citext_eq >(citext,citext)=citext_gt >=(citext,citext)=citext_ge
      ~(citext,citext)=texticregexeq ~(citext,text)=texticregexeq ~*(citext,citext)=texticregexeq ~*(citext,text)=texticregexeq
      ~<=~(citext,citext)=citext_pattern_le ~<~(citext,citext)=citext_pattern_lt ~>=~(citext,citext)=citext_pattern_ge ~>~(citext,citext)=citext_pattern_gt
      ~~(citext,citext)=texticlike ~~(citext,text)=texticlike ~~*(citext,citext)=texticlike ~~*(citext,text)=texticlike
    `),
  },
  fuzzystrmatch: {
    library: '$libdir/fuzzystrmatch',
    functions: wordList(`
      daitch_mokotoff(text) difference(text,text) dmetaphone(text) dmetaphone_alt(text) levenshtein(text,text)
      levenshtein(text,text,int4,int4,int4)=levenshtein_with_costs levenshtein_less_equal(text,text,int4)
      levenshtein_less_equal(text,text,int4,int4,int4,int4)=levenshtein_less_equal_with_costs metaphone(text,int4) soundex(text) text_soundex(text)=soundex
    `),
    operators: [],
  },
  hstore: {
    library: '$libdir/hstore',
    functions: wordList(`
      akeys(hstore)=hstore_akeys avals(hstore)=hstore_avals defined(hstore,text)=hstore_defined delete(hstore,_text)=hstore_delete_array
      delete(hstore,hstore)=hstore_delete_hstore delete(hstore,text)=hstore_delete each(hstore)=hstore_each exist(hstore,text)=hstore_exists
      exists_all(hstore,_text)=hstore_exists_all exists_any(hstore,_text)=hstore_exists_any fetchval(hstore,text)=hstore_fetchval ghstore_compress(internal)
      ghstore_consistent(internal,hstore,int2,oid,internal) ghstore_decompress(internal) ghstore_in(cstring) ghstore_options(internal) ghstore_out(ghstore)
      ghstore_penalty(internal,internal,internal) ghstore_picksplit(internal,internal) ghstore_same(ghstore,ghstore,internal)
      ghstore_union(internal,internal) gin_consistent_hstore(internal,int2,hstore,int4,internal,internal) gin_extract_hstore(hstore,internal)
      gin_extract_hstore_query(hstore,internal,int2,internal,internal) hs_concat(hstore,hstore)=hstore_concat hs_contained(hstore,hstore)=hstore_contained
      hs_contains(hstore,hstore)=hstore_contains hstore(_text)=hstore_from_array hstore(_text,_text)=hstore_from_arrays hstore(record)=hstore_from_record
      hstore(text,text)=hstore_from_text hstore_cmp(hstore,hstore) hstore_eq(hstore,hstore) hstore_ge(hstore,hstore) hstore_gt(hstore,hstore)
      hstore_hash(hstore) hstore_hash_extended(hstore,int8) hstore_in(cstring) hstore_le(hstore,hstore) hstore_lt(hstore,hstore) hstore_ne(hstore,hstore)
      hstore_out(hstore) hstore_recv(internal) hstore_send(hstore) hstore_subscript_handler(internal) hstore_to_array(hstore) hstore_to_json(hstore)
      hstore_to_json_loose(hstore) hstore_to_jsonb(hstore) hstore_to_jsonb_loose(hstore) hstore_to_matrix(hstore) hstore_version_diag(hstore)
      isdefined(hstore,text)=hstore_defined isexists(hstore,text)=hstore_exists populate_record(anyelement,hstore)=hstore_populate_record
      skeys(hstore)=hstore_skeys slice(hstore,_text)=hstore_slice_to_hstore slice_array(hstore,_text)=hstore_slice_to_array svals(hstore)=hstore_svals
      tconvert(text,text)=hstore_from_text
    `),
    operators: wordList(String.raw`
      #<#(hstore,hstore)=hstore_lt #<=#(hstore,hstore)=hstore_le #=(anyelement,hstore)=populate_record #>#(hstore,hstore)=hstore_gt
      #>=#(hstore,hstore)=hstore_ge %#(,hstore)=hstore_to_matrix %%(,hstore)=hstore_to_array -(hstore,_text)=delete -(hstore,hstore)=delete
      -(hstore,text)=delete ->(hstore,_text)=slice_array ->(hstore,text)=fetchval <>(hstore,hstore)=hstore_ne <@(hstore,hstore)=hs_contained
      =(hstore,hstore)=hstore_eq ?&(hstore,_text)=exists_all ?(hstore,text)=exist ?|(hstore,_text)=exists_any @>(hstore,hstore)=hs_contains
      ||(hstore,hstore)=hs_concat
    `),
  },
  intarray: {
    library: '$libdir/_int',
    functions: wordList(`
      _int_contained(_int4,_int4) _int_contained_joinsel(internal,oid,internal,int2,internal) _int_contained_sel(internal,oid,internal,int4)
      _int_contains(_int4,_int4) _int_contains_joinsel(internal,oid,internal,int2,internal) _int_contains_sel(internal,oid,internal,int4)
      _int_different(_int4,_int4) _int_inter(_int4,_int4) _int_matchsel(internal,oid,internal,int4) _int_overlap(_int4,_int4)
      _int_overlap_joinsel(internal,oid,internal,int2,internal) _int_overlap_sel(internal,oid,internal,int4) _int_same(_int4,_int4) _int_union(_int4,_int4)
      _intbig_in(cstring) _intbig_out(intbig_gkey) boolop(_int4,query_int) bqarr_in(cstring) bqarr_out(query_int) g_int_compress(internal)
      g_int_consistent(internal,_int4,int2,oid,internal) g_int_decompress(internal) g_int_options(internal) g_int_penalty(internal,internal,internal)
      g_int_picksplit(internal,internal) g_int_same(_int4,_int4,internal) g_int_union(internal,internal) g_intbig_compress(internal)
      g_intbig_consistent(internal,_int4,int2,oid,internal) g_intbig_decompress(internal) g_intbig_options(internal)
      g_intbig_penalty(internal,internal,internal) g_intbig_picksplit(internal,internal) g_intbig_same(intbig_gkey,intbig_gkey,internal)
      g_intbig_union(internal,internal) ginint4_consistent(internal,int2,_int4,int4,internal,internal,internal,internal)
      ginint4_queryextract(_int4,internal,int2,internal,internal,internal,internal) icount(_int4) idx(_int4,int4) intarray_del_elem(_int4,int4)
      intarray_push_array(_int4,_int4) intarray_push_elem(_int4,int4) intset(int4) intset_subtract(_int4,_int4) intset_union_elem(_int4,int4)
      querytree(query_int) rboolop(query_int,_int4) sort(_int4) sort(_int4,text) sort_asc(_int4) sort_desc(_int4) subarray(_int4,int4)
      subarray(_int4,int4,int4) uniq(_int4)
    `),
    operators: wordList(String.raw`
      #(,_int4)=icount #(_int4,int4)=idx &&(_int4,_int4)=_int_overlap &(_int4,_int4)=_int_inter +(_int4,_int4)=intarray_push_array
      +(_int4,int4)=intarray_push_elem -(_int4,_int4)=intset_subtract -(_int4,int4)=intarray_del_elem <@(_int4,_int4)=_int_contained
      @>(_int4,_int4)=_int_contains @@(_int4,query_int)=boolop |(_int4,_int4)=_int_union |(_int4,int4)=intset_union_elem ~~(query_int,_int4)=rboolop
    `),
  },
  ltree: {
    library: '$libdir/ltree',
    functions: wordList(`
      _lt_q_regex(_ltree,_lquery) _lt_q_rregex(_lquery,_ltree) _ltq_extract_regex(_ltree,lquery) _ltq_regex(_ltree,lquery) _ltq_rregex(lquery,_ltree)
      _ltree_compress(internal) _ltree_consistent(internal,_ltree,int2,oid,internal) _ltree_extract_isparent(_ltree,ltree)
      _ltree_extract_risparent(_ltree,ltree) _ltree_gist_options(internal) _ltree_isparent(_ltree,ltree) _ltree_penalty(internal,internal,internal)
      _ltree_picksplit(internal,internal) _ltree_r_isparent(ltree,_ltree) _ltree_r_risparent(ltree,_ltree) _ltree_risparent(_ltree,ltree)
      _ltree_same(ltree_gist,ltree_gist,internal) _ltree_union(internal,internal) _ltxtq_exec(_ltree,ltxtquery) _ltxtq_extract_exec(_ltree,ltxtquery)
      _ltxtq_rexec(ltxtquery,_ltree) hash_ltree(ltree) hash_ltree_extended(ltree,int8) index(ltree,ltree)=ltree_index index(ltree,ltree,int4)=ltree_index
      lca(_ltree)=_lca lca(ltree,ltree) lca(ltree,ltree,ltree) lca(ltree,ltree,ltree,ltree) lca(ltree,ltree,ltree,ltree,ltree)
      lca(ltree,ltree,ltree,ltree,ltree,ltree) lca(ltree,ltree,ltree,ltree,ltree,ltree,ltree) lca(ltree,ltree,ltree,ltree,ltree,ltree,ltree,ltree)
      lquery_in(cstring) lquery_out(lquery) lquery_recv(internal) lquery_send(lquery) lt_q_regex(ltree,_lquery) lt_q_rregex(_lquery,ltree)
      ltq_regex(ltree,lquery) ltq_rregex(lquery,ltree) ltree2text(ltree) ltree_addltree(ltree,ltree) ltree_addtext(ltree,text) ltree_cmp(ltree,ltree)
      ltree_compress(internal) ltree_consistent(internal,ltree,int2,oid,internal) ltree_decompress(internal) ltree_eq(ltree,ltree) ltree_ge(ltree,ltree)
      ltree_gist_in(cstring) ltree_gist_options(internal) ltree_gist_out(ltree_gist) ltree_gt(ltree,ltree) ltree_in(cstring) ltree_isparent(ltree,ltree)
      ltree_le(ltree,ltree) ltree_lt(ltree,ltree) ltree_ne(ltree,ltree) ltree_out(ltree) ltree_penalty(internal,internal,internal)
      ltree_picksplit(internal,internal) ltree_recv(internal) ltree_risparent(ltree,ltree) ltree_same(ltree_gist,ltree_gist,internal) ltree_send(ltree)
      ltree_textadd(text,ltree) ltree_union(internal,internal) ltreeparentsel(internal,oid,internal,int4) ltxtq_exec(ltree,ltxtquery) ltxtq_in(cstring)
      ltxtq_out(ltxtquery) ltxtq_recv(internal) ltxtq_rexec(ltxtquery,ltree) ltxtq_send(ltxtquery) nlevel(ltree) subltree(ltree,int4,int4)
      subpath(ltree,int4) subpath(ltree,int4,int4) text2ltree(text)
    `),
    operators: wordList(String.raw`
      <(ltree,ltree)=ltree_lt <=(ltree,ltree)=ltree_le <>(ltree,ltree)=ltree_ne <@(_ltree,ltree)=_ltree_risparent <@(ltree,_ltree)=_ltree_r_isparent
      <@(ltree,ltree)=ltree_risparent =(ltree,ltree)=ltree_eq >(ltree,ltree)=ltree_gt >=(ltree,ltree)=ltree_ge ?(_lquery,_ltree)=_lt_q_rregex
      ?(_lquery,ltree)=lt_q_rregex ?(_ltree,_lquery)=_lt_q_regex ?(ltree,_lquery)=lt_q_regex ?<@(_ltree,ltree)=_ltree_extract_risparent
      ?@(_ltree,ltxtquery)=_ltxtq_extract_exec ?@>(_ltree,ltree)=_ltree_extract_isparent ?~(_ltree,lquery)=_ltq_extract_regex
      @(_ltree,ltxtquery)=_ltxtq_exec @(ltree,ltxtquery)=ltxtq_exec @(ltxtquery,_ltree)=_ltxtq_rexec @(ltxtquery,ltree)=ltxtq_rexec
      @>(_ltree,ltree)=_ltree_isparent @>(ltree,_ltree)=_ltree_r_risparent @>(ltree,ltree)=ltree_isparent ^<@(_ltree,ltree)=_ltree_risparent
      ^<@(ltree,_ltree)=_ltree_r_isparent ^<@(ltree,ltree)=ltree_risparent ^?(_lquery,_ltree)=_lt_q_rregex ^?(_lquery,ltree)=lt_q_rregex
      ^?(_ltree,_lquery)=_lt_q_regex ^?(ltree,_lquery)=lt_q_regex ^@(_ltree,ltxtquery)=_ltxtq_exec ^@(ltree,ltxtquery)=ltxtq_exec
      ^@(ltxtquery,_ltree)=_ltxtq_rexec ^@(ltxtquery,ltree)=ltxtq_rexec ^@>(_ltree,ltree)=_ltree_isparent ^@>(ltree,_ltree)=_ltree_r_risparent
      ^@>(ltree,ltree)=ltree_isparent ^~(_ltree,lquery)=_ltq_regex ^~(lquery,_ltree)=_ltq_rregex ^~(lquery,ltree)=ltq_rregex ^~(ltree,lquery)=ltq_regex
      ||(ltree,ltree)=ltree_addltree ||(ltree,text)=ltree_addtext ||(text,ltree)=ltree_textadd ~(_ltree,lquery)=_ltq_regex ~(lquery,_ltree)=_ltq_rregex
      ~(lquery,ltree)=ltq_rregex ~(ltree,lquery)=ltq_regex
    `),
  },
  pg_trgm: {
    library: '$libdir/pg_trgm',
    functions: wordList(`
      gin_extract_query_trgm(text,internal,int2,internal,internal,internal,internal) gin_extract_value_trgm(text,internal)
      gin_trgm_consistent(internal,int2,text,int4,internal,internal,internal,internal)
      gin_trgm_triconsistent(internal,int2,text,int4,internal,internal,internal) gtrgm_compress(internal) gtrgm_consistent(internal,text,int2,oid,internal)
      gtrgm_decompress(internal) gtrgm_distance(internal,text,int2,oid,internal) gtrgm_in(cstring) gtrgm_options(internal) gtrgm_out(gtrgm)
      gtrgm_penalty(internal,internal,internal) gtrgm_picksplit(internal,internal) gtrgm_same(gtrgm,gtrgm,internal) gtrgm_union(internal,internal)
      show_limit() show_trgm(text) similarity(text,text) similarity_dist(text,text) similarity_op(text,text) strict_word_similarity(text,text)
      strict_word_similarity_commutator_op(text,text) strict_word_similarity_dist_commutator_op(text,text) strict_word_similarity_dist_op(text,text)
      strict_word_similarity_op(text,text) word_similarity(text,text) word_similarity_commutator_op(text,text) word_similarity_dist_commutator_op(text,text)
      word_similarity_dist_op(text,text) word_similarity_op(text,text)
    `),
    operators: wordList(String.raw`
      %(text,text)=similarity_op %>(text,text)=word_similarity_commutator_op %>>(text,text)=strict_word_similarity_commutator_op
      <%(text,text)=word_similarity_op <->(text,text)=similarity_dist <->>(text,text)=word_similarity_dist_commutator_op
      <->>>(text,text)=strict_word_similarity_dist_commutator_op <<%(text,text)=strict_word_similarity_op <<->(text,text)=word_similarity_dist_op
      <<<->(text,text)=strict_word_similarity_dist_op
    `),
  },
  pgcrypto: {
    library: '$libdir/pgcrypto',
    functions: wordList(`
      armor(bytea)=pg_armor armor(bytea,_text,_text)=pg_armor crypt(text,text)=pg_crypt dearmor(text)=pg_dearmor decrypt(bytea,bytea,text)=pg_decrypt
      decrypt_iv(bytea,bytea,bytea,text)=pg_decrypt_iv digest(bytea,text)=pg_digest digest(text,text)=pg_digest encrypt(bytea,bytea,text)=pg_encrypt
      encrypt_iv(bytea,bytea,bytea,text)=pg_encrypt_iv fips_mode()=pg_check_fipsmode gen_random_bytes(int4)=pg_random_bytes gen_random_uuid()=pg_random_uuid
      gen_salt(text)=pg_gen_salt gen_salt(text,int4)=pg_gen_salt_rounds hmac(bytea,bytea,text)=pg_hmac hmac(text,text,text)=pg_hmac pgp_armor_headers(text)
      pgp_key_id(bytea)=pgp_key_id_w pgp_pub_decrypt(bytea,bytea)=pgp_pub_decrypt_text pgp_pub_decrypt(bytea,bytea,text)=pgp_pub_decrypt_text
      pgp_pub_decrypt(bytea,bytea,text,text)=pgp_pub_decrypt_text pgp_pub_decrypt_bytea(bytea,bytea) pgp_pub_decrypt_bytea(bytea,bytea,text)
      pgp_pub_decrypt_bytea(bytea,bytea,text,text) pgp_pub_encrypt(text,bytea)=pgp_pub_encrypt_text pgp_pub_encrypt(text,bytea,text)=pgp_pub_encrypt_text
      pgp_pub_encrypt_bytea(bytea,bytea) pgp_pub_encrypt_bytea(bytea,bytea,text) pgp_sym_decrypt(bytea,text)=pgp_sym_decrypt_text
      pgp_sym_decrypt(bytea,text,text)=pgp_sym_decrypt_text pgp_sym_decrypt_bytea(bytea,text) pgp_sym_decrypt_bytea(bytea,text,text)
      pgp_sym_encrypt(text,text)=pgp_sym_encrypt_text pgp_sym_encrypt(text,text,text)=pgp_sym_encrypt_text pgp_sym_encrypt_bytea(bytea,text)
      pgp_sym_encrypt_bytea(bytea,text,text)
    `),
    operators: [],
  },
  unaccent: {
    library: '$libdir/unaccent',
    functions: wordList(`
      unaccent(regdictionary,text)=unaccent_dict unaccent(text)=unaccent_dict
    `),
    operators: [],
  },
  'uuid-ossp': {
    library: '$libdir/uuid-ossp',
    functions: wordList(`
      uuid_generate_v1() uuid_generate_v1mc() uuid_generate_v3(uuid,text) uuid_generate_v4() uuid_generate_v5(uuid,text) uuid_nil() uuid_ns_dns()
      uuid_ns_oid() uuid_ns_url() uuid_ns_x500()
    `),
    operators: [],
  },
}
