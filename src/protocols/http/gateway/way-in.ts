import type { PamError } from '../../../shared/errors.ts'
import type { Announcement } from '../local/announcement.ts'
import { passedHeaders } from '../request/read-headers.ts'
import type { Exchange } from '../server/exchange.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import type { Header, Headers } from '../wire/headers.ts'
import { passedAnswerHeaders, type AnswerPlace } from './answer-headers.ts'
import { localRefusal } from './local-access.ts'
import { refuseExchange } from './refuse.ts'

/** What depends on how clients reach a target: through a local port of the agent, or as browsers at a host of the gateway. */
export interface WayIn {
  /** Why nothing else of a request is looked at; undefined where it is. */
  refusal(exchange: Pick<Exchange, 'request' | 'upgrade'>): PamError | undefined
  /** What of a request's headers goes upstream; `ownNames`: what the target's configuration adds to the list. */
  requestHeaders(headers: Headers, ownNames: readonly string[]): Header[] | PamError
  /** What of an answer's headers goes to the client. Throws where the answer cannot be passed on. */
  answerHeaders(answer: UpstreamAnswer, place: AnswerPlace): Header[]
  /** Says no, in the form that the client shows or reads. */
  refuse(exchange: Exchange, error: PamError): void
}

/** Programs that use a local port, and know its secret. */
export const portWay = (announcement: Announcement): WayIn => ({
  refusal: ({ request }) => localRefusal(request, announcement),
  requestHeaders: passedHeaders,
  answerHeaders: passedAnswerHeaders,
  refuse: refuseExchange,
})
