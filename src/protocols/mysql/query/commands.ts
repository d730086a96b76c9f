import { ByteWriter } from '../../../wire/byte-writer.ts'
import { columnTypes } from '../wire/column-definition.ts'
import { commands } from '../wire/command.ts'

/** Spec: COM_QUERY. */
export const queryText = (sql: string): Buffer => Buffer.concat([Buffer.of(commands.query), Buffer.from(sql)])

/** Spec: COM_STMT_PREPARE. */
export const prepareStatement = (sql: string): Buffer =>
  Buffer.concat([Buffer.of(commands.stmtPrepare), Buffer.from(sql)])

/** All values as strings, which the server converts; without a cursor. Spec: COM_STMT_EXECUTE. */
export function executeStatement(id: number, parameters: readonly (string | null)[]): Buffer {
  const out = new ByteWriter()
  out.uint8(commands.stmtExecute)
  out.uint32le(id)
  out.uint8(0)
  out.uint32le(1)
  const nulls = Buffer.alloc((parameters.length + 7) >> 3)
  parameters.forEach((value, at) => {
    if (value === null) nulls.writeUInt8(nulls.readUInt8(at >> 3) | (1 << (at & 7)), at >> 3)
  })
  out.bytes(nulls)
  out.uint8(1)
  for (const _ of parameters) {
    out.uint8(columnTypes.varString)
    out.uint8(0)
  }
  for (const value of parameters) if (value !== null) out.lengthEncodedBytes(Buffer.from(value))
  return out.finish()
}

/** Spec: COM_STMT_CLOSE; it is not answered. */
export function closeStatement(id: number): Buffer {
  const out = new ByteWriter()
  out.uint8(commands.stmtClose)
  out.uint32le(id)
  return out.finish()
}
