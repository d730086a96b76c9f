import { ByteReader } from '../../../wire/byte-reader.ts'

/** COM_STMT_CLOSE and COM_STMT_RESET, sent by the client. Spec: COM_STMT_CLOSE, COM_STMT_RESET. */
export function readStatementId(payload: Buffer, what: string): number {
  const body = new ByteReader(payload, what)
  body.uint8()
  const id = body.uint32le()
  body.end()
  return id
}

/** COM_STMT_SEND_LONG_DATA, sent by the client: a part of a parameter. Spec: COM_STMT_SEND_LONG_DATA. */
export function readSendLongData(payload: Buffer): {
  readonly id: number
  readonly parameter: number
  readonly data: Buffer
} {
  const body = new ByteReader(payload, 'COM_STMT_SEND_LONG_DATA')
  body.uint8()
  return { id: body.uint32le(), parameter: body.uint16le(), data: body.rest() }
}

/** COM_STMT_FETCH, sent by the client: rows of an open cursor. Spec: COM_STMT_FETCH. */
export function readFetch(payload: Buffer): { readonly id: number; readonly rows: number } {
  const body = new ByteReader(payload, 'COM_STMT_FETCH')
  body.uint8()
  const fetch = { id: body.uint32le(), rows: body.uint32le() }
  body.end()
  return fetch
}

/** COM_SET_OPTION, sent by the client. Spec: COM_SET_OPTION. */
export function readSetOption(payload: Buffer): 'multi-statements-on' | 'multi-statements-off' | undefined {
  const body = new ByteReader(payload, 'COM_SET_OPTION')
  body.uint8()
  const option = body.uint16le()
  body.end()
  return option === 0 ? 'multi-statements-on' : option === 1 ? 'multi-statements-off' : undefined
}

/** COM_PROCESS_KILL, sent by the client. Spec: COM_PROCESS_KILL. */
export function readProcessKill(payload: Buffer): number {
  return readStatementId(payload, 'COM_PROCESS_KILL')
}

/** COM_FIELD_LIST, sent by the client: lists the columns of a table whose names match a pattern. Spec: COM_FIELD_LIST. */
export function readFieldList(payload: Buffer): { readonly table: Buffer; readonly pattern: Buffer } {
  const body = new ByteReader(payload, 'COM_FIELD_LIST')
  body.uint8()
  return { table: body.zeroTerminated(), pattern: body.rest() }
}
