import { ByteReader } from '../../../wire/byte-reader.ts'

/** The values of a text row with `columns` columns; null is NULL. Spec: Text Resultset Row. */
export function readTextRow(payload: Buffer, columns: number): (Buffer | null)[] {
  const body = new ByteReader(payload, 'row')
  const values = body.list(columns, () => {
    if (body.next !== NULL) return body.lengthEncodedBytes()
    body.uint8()
    return null
  })
  body.end()
  return values
}

const NULL = 0xfb
