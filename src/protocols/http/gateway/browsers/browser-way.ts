import type { BrowserHost } from '../../../../gateway/browser-host.ts'
import { browserAnswerHeaders } from '../../browser/answer-headers.ts'
import { foreignRefusal } from '../../browser/fetch-metadata.ts'
import { browserHeaders } from '../../browser/request-headers.ts'
import type { HttpTarget } from '../../target.ts'
import { valuesOf } from '../../wire/headers.ts'
import { passedAnswerHeaders } from '../answer-headers.ts'
import { originOf } from '../connect-upstream.ts'
import { scrubbedText } from '../secret-scrubber.ts'
import type { WayIn } from '../way-in.ts'
import { refuseBrowser } from './refuse-browser.ts'

/** Browsers at a target's host, whose person is known. */
export const browserWay = (host: BrowserHost, config: HttpTarget): WayIn => ({
  refusal: (exchange) => foreignRefusal(exchange, host.origin),
  requestHeaders: (headers, ownNames) =>
    browserHeaders(headers, ownNames, { shown: host.origin, target: originOf(config) }),
  answerHeaders(answer, place) {
    const cookies = valuesOf(answer.headers, 'set-cookie').map((value) => scrubbedText(value, place.needles))
    return browserAnswerHeaders(passedAnswerHeaders(answer, place), cookies)
  },
  refuse: (exchange, error) => refuseBrowser(exchange, error, host),
})
