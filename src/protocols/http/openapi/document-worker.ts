import { answerRequests } from '../../../shared/answer-requests.ts'
import { replyTo } from './document-reader.ts'

answerRequests(replyTo)
