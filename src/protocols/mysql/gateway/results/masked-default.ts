import { hideInText, type KindSearch } from '../../../../masking/hidden-text.ts'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../../wire/byte-writer.ts'
import { decodeText, type Charset } from '../../wire/charsets.ts'

/**
 * A column as COM_FIELD_LIST lists it, without values of masked kinds in its default, which stands behind the other fields. Undefined where there
 * are none. `charset`: the character set of results. Spec: Protocol::ColumnDefinition41, "if command was COM_FIELD_LIST".
 */
export function maskedDefault(payload: Buffer, search: KindSearch, charset: Charset): Buffer | undefined {
  const body = new ByteReader(payload, 'column definition')
  for (let field = 0; field < FIELDS; field++) body.lengthEncodedBytes()
  const start = payload.length - body.left
  if (body.left === 0 || body.next === NULL) return undefined
  const value = body.lengthEncodedBytes()
  body.end()
  const hidden = hideInText(decodeText(value, charset) ?? value.toString('latin1'), search)
  if (hidden === undefined) return undefined
  const out = new ByteWriter()
  out.bytes(payload.subarray(0, start))
  if (hidden === null) out.uint8(NULL)
  // Characters beyond ASCII are lost if the client does not read UTF-8.
  else out.lengthEncodedBytes(Buffer.from(hidden, charset === 'utf8mb4' || charset === 'utf8mb3' ? 'utf8' : 'latin1'))
  return out.finish()
}

/** Catalog, schema, table, its own name, column, its own name, and the fields of fixed length. */
const FIELDS = 7
const NULL = 0xfb
