import { answerRequests } from '../../shared/answer-requests.ts'
import { readArgv, readCommandLine } from './command-line.ts'
import type { ReadingRequest } from './command-reader.ts'

answerRequests((request: ReadingRequest) =>
  'text' in request
    ? readCommandLine(request.text, request.scope)
    : readArgv(request.words, request.scope, request.hasTerminal),
)
