import { answerRequests } from '../../shared/answer-requests.ts'
import { readCommandLine } from './command-line.ts'
import type { ReadingRequest } from './command-reader.ts'

answerRequests(({ text, scope }: ReadingRequest) => readCommandLine(text, scope))
