import { answerTexts } from '../../../../sql/record/text-recorder.ts'
import { piecesOf } from './recordable.ts'

answerTexts(piecesOf)
