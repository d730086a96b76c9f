import { answerTexts } from '../../../../sql/record/text-recorder.ts'
import { cutText } from './cut-text.ts'

answerTexts(cutText)
