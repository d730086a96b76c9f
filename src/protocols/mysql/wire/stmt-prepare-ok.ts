import { ByteReader } from '../../../wire/byte-reader.ts'

/** COM_STMT_PREPARE_OK, sent by the server; definitions of parameters and columns follow. Spec: COM_STMT_PREPARE_OK. */
export interface StmtPrepareOk {
  readonly id: number
  readonly columns: number
  readonly parameters: number
}

export function readStmtPrepareOk(payload: Buffer): StmtPrepareOk {
  const body = new ByteReader(payload, 'COM_STMT_PREPARE_OK')
  body.uint8()
  const prepared = { id: body.uint32le(), columns: body.uint16le(), parameters: body.uint16le() }
  body.uint8()
  // The number of warnings; servers before 5.0 leave it out.
  if (body.left > 0) body.uint16le()
  body.end()
  return prepared
}
