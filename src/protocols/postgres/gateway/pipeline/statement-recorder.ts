import { textRecorder, type TextRecorder } from '../../../../sql/record/text-recorder.ts'
import { piecesOf } from './recordable.ts'

export type StatementRecorder = TextRecorder<undefined>

export const createStatementRecorder = (): StatementRecorder =>
  textRecorder(new URL('./postgres-record-worker.js', import.meta.url), piecesOf)
