import type { JsonKind } from '../../query-client.ts'

/**
 * Types by OID, with what their values are in JSON: what to_json makes of them. Numbers are exact, so that a bigint or numeric has
 * all its digits. Source: pg_type.dat; json.c, json_categorize_type.
 */
export function typeOf(oid: number): { readonly type: string; readonly json: JsonKind } {
  const [type, json = 'string'] = TYPES.get(oid) ?? [`oid ${oid}`]
  return { type, json }
}

const TYPES: ReadonlyMap<number, readonly [type: string, json?: JsonKind]> = new Map([
  [16, ['bool', 'boolean']],
  [17, ['bytea']],
  [18, ['char']],
  [19, ['name']],
  [20, ['int8', 'number']],
  [21, ['int2', 'number']],
  [23, ['int4', 'number']],
  [24, ['regproc']],
  [25, ['text']],
  [26, ['oid', 'number']],
  [27, ['tid']],
  [28, ['xid']],
  [114, ['json', 'json']],
  [142, ['xml']],
  [600, ['point']],
  [650, ['cidr']],
  [700, ['float4', 'number']],
  [701, ['float8', 'number']],
  [705, ['unknown']],
  [790, ['money']],
  [829, ['macaddr']],
  [869, ['inet']],
  [1000, ['bool[]']],
  [1005, ['int2[]']],
  [1007, ['int4[]']],
  [1009, ['text[]']],
  [1014, ['bpchar[]']],
  [1015, ['varchar[]']],
  [1016, ['int8[]']],
  [1021, ['float4[]']],
  [1022, ['float8[]']],
  [1042, ['bpchar']],
  [1043, ['varchar']],
  [1082, ['date']],
  [1083, ['time']],
  [1114, ['timestamp']],
  [1184, ['timestamptz']],
  [1186, ['interval']],
  [1231, ['numeric[]']],
  [1266, ['timetz']],
  [1560, ['bit']],
  [1562, ['varbit']],
  [1700, ['numeric', 'number']],
  [2205, ['regclass']],
  [2206, ['regtype']],
  [2249, ['record']],
  [2278, ['void']],
  [2950, ['uuid']],
  [3614, ['tsvector']],
  [3802, ['jsonb', 'json']],
  [3904, ['int4range']],
  [3906, ['numrange']],
  [3908, ['tsrange']],
  [3910, ['tstzrange']],
  [3912, ['daterange']],
  [3926, ['int8range']],
])
