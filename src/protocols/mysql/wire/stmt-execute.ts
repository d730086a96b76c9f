import { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import { columnTypes } from './column-definition.ts'
import type { Charset } from './charsets.ts'
import { valueText } from './binary-value.ts'

/** COM_STMT_EXECUTE, sent by the client, without query attributes. Spec: COM_STMT_EXECUTE. */
export interface StmtExecute {
  readonly id: number
  /** Whether the server keeps the rows for COM_STMT_FETCH. */
  readonly opensCursor: boolean
  /** Values as text; null is NULL. undefined if it was sent as long data. */
  readonly parameters: readonly (string | null | undefined)[]
  readonly types: readonly ParameterType[]
}

export interface ParameterType {
  readonly type: number
  readonly isUnsigned: boolean
}

export const readExecuteId = (payload: Buffer): number => {
  if (payload.length < 5) throw new WireError('COM_STMT_EXECUTE: shorter than its fields')
  return payload.readUInt32LE(1)
}

/** `known`: types that were sent before; `long`: parameters whose values were sent as long data. */
export function readStmtExecute(
  payload: Buffer,
  count: number,
  charset: Charset,
  known: readonly ParameterType[],
  long: ReadonlySet<number>,
): StmtExecute {
  const body = new ByteReader(payload, 'COM_STMT_EXECUTE')
  body.uint8()
  const [id, flags, iterations] = [body.uint32le(), body.uint8(), body.uint32le()] as const
  if (flags > LAST_CURSOR_TYPE) throw new WireError(`COM_STMT_EXECUTE: flags ${flags} are not supported`)
  if (iterations !== 1) throw new WireError(`COM_STMT_EXECUTE: ${iterations} iterations`)
  const opensCursor = flags !== 0
  if (count === 0) {
    // Some clients send the flag for types without any types.
    if (body.left > 1) body.end()
    return { id, opensCursor, parameters: [], types: [] }
  }
  const nulls = body.bytes((count + 7) >> 3)
  const hasTypes = body.uint8()
  if (hasTypes > 1) throw new WireError('COM_STMT_EXECUTE: neither with types nor without')
  const types = hasTypes === 1 ? body.list(count, () => readType(body)) : known
  if (types.length !== count) throw new WireError('COM_STMT_EXECUTE: the types of its parameters were never sent')
  const parameters = types.map((type, index) => {
    if (long.has(index)) return undefined
    const isNull = (byteAt(nulls, index >> 3) & (1 << (index & 7))) !== 0
    return isNull || type.type === columnTypes.null ? null : valueText(body, type, charset)
  })
  body.end()
  return { id, opensCursor, parameters, types }
}

function readType(body: ByteReader): ParameterType {
  const type = body.uint8()
  const flag = body.uint8()
  if ((flag & ~UNSIGNED) !== 0) throw new WireError('COM_STMT_EXECUTE: a type has unknown flags')
  return { type, isUnsigned: flag === UNSIGNED }
}

const UNSIGNED = 0x80
/** CURSOR_TYPE_READ_ONLY, FOR_UPDATE and SCROLLABLE; the next bit says that there are query attributes. */
const LAST_CURSOR_TYPE = 0x07
