import { textRecorder, type TextRecorder } from '../../../../sql/record/text-recorder.ts'
import type { ReadingContext } from '../../dialect/reading-context.ts'
import { cutText } from './cut-text.ts'

export type StatementRecorder = TextRecorder<ReadingContext | undefined>

export const createStatementRecorder = (): StatementRecorder =>
  textRecorder(new URL('./mysql-record-worker.js', import.meta.url), cutText)
