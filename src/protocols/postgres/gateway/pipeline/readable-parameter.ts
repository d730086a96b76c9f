/** A parameter in readable form; binary values of other than simple types as `\x…`. */
export function readableParameter(value: Buffer, format: 0 | 1, typeOid: number): string {
  if (format === 0 || TEXT_OIDS.has(typeOid)) return value.toString('utf8')
  if (typeOid === 21 && value.length === 2) return String(value.readInt16BE())
  if (typeOid === 23 && value.length === 4) return String(value.readInt32BE())
  if (typeOid === 20 && value.length === 8) return String(value.readBigInt64BE())
  if (typeOid === 16 && value.length === 1) return String(value[0] === 1)
  return `\\x${value.toString('hex')}`
}

/** text, varchar, bpchar, name, json. Source: pg_type.dat. */
const TEXT_OIDS = new Set([25, 1043, 1042, 19, 114])
