import { PassThrough, type Duplex, type Readable, type Writable } from 'node:stream'
import { isNavigation } from '../../browser/fetch-metadata.ts'
import { page } from '../../browser/pages.ts'
import type { AnswerHead, Exchange, RequestHead } from '../../server/exchange.ts'
import type { Header, Headers } from '../../wire/headers.ts'

/**
 * The exchange of a page that somebody opens. Where its request is held it is parked: the browser is shown that it waits, and the answer, once it
 * comes, goes to a later request of the same browser.
 */
export class ParkedExchange implements Exchange {
  readonly #browser: Exchange
  readonly #left = new AbortController()
  readonly #follow: () => void
  #isParked = false
  #answer: { readonly head: AnswerHead; readonly body: PassThrough } | undefined
  #answered = (): void => {}
  /** Resolves once a parked exchange has an answer. */
  readonly answered: Promise<void>

  constructor(browser: Exchange) {
    this.#browser = browser
    this.#follow = () => this.#left.abort()
    browser.left.addEventListener('abort', this.#follow, { once: true })
    if (browser.left.aborted) this.#follow()
    this.answered = new Promise((resolve) => (this.#answered = resolve))
  }

  get request(): RequestHead {
    return this.#browser.request
  }

  get body(): Readable {
    return this.#browser.body
  }

  get trailers(): Exchange['trailers'] {
    return this.#browser.trailers
  }

  get left(): AbortSignal {
    return this.#left.signal
  }

  get upgrade(): string | undefined {
    return this.#browser.upgrade
  }

  get hasAnswered(): boolean {
    return this.#isParked ? this.#answer !== undefined : this.#browser.hasAnswered
  }

  answer(head: AnswerHead): Writable {
    if (!this.#isParked) return this.#browser.answer(head)
    const body = new PassThrough()
    // Who waits for it is told by its end.
    body.on('error', () => {})
    this.#answer = { head, body }
    this.#answered()
    return body
  }

  /** No browser shows them. */
  trail(): boolean {
    return false
  }

  switchProtocols(headers: Headers): Duplex {
    return this.#browser.switchProtocols(headers)
  }

  abandon(): void {
    if (!this.#isParked) this.#browser.abandon()
    else this.#answer?.body.destroy(new Error('the answer is incomplete'))
  }

  /** The browser's request is answered by something else from here on. */
  park(): void {
    this.#isParked = true
    this.#browser.left.removeEventListener('abort', this.#follow)
  }

  /** Nobody will come for the answer. */
  leave(): void {
    this.#left.abort()
    this.#answer?.body.destroy()
  }

  /** Gives the answer to this request; `more` headers go with it. Once. */
  collect(browser: Exchange, more: readonly Header[]): void {
    if (this.#answer === undefined) throw new Error('there is no answer yet')
    const { head, body } = this.#answer
    if (EMPTY.has(head.status) && isNavigation(browser.request)) {
      // The browser would go on to show that it waits.
      const done = page({
        title: 'Done',
        paragraphs: [`The service answered with status ${head.status}, without a page.`],
      })
      browser.answer({ status: 200, headers: [...done.headers, ...more] }).end(done.body)
      body.resume()
      return
    }
    const out = browser.answer({ ...head, headers: [...head.headers, ...more] })
    browser.left.addEventListener('abort', () => this.leave(), { once: true })
    body.once('close', () => {
      if (!body.readableEnded && !browser.left.aborted) browser.abandon()
    })
    body.pipe(out)
  }
}

const EMPTY = new Set([204, 205, 304])
