/** A page of a browser without scripts: where it is, what it says, and its first form. */
export interface FormPage {
  readonly url: string
  readonly status: number
  readonly html: string
}

/** The least that a browser is, at several origins over TLS: cookies of each, redirects, and forms that are sent as they are or filled in. */
export class FormBrowser {
  readonly #fetch: typeof fetch
  readonly #cookies = new Map<string, Map<string, string>>()

  constructor(get: typeof fetch) {
    this.#fetch = get
  }

  cookiesOf(origin: string): Map<string, string> {
    const known = this.#cookies.get(origin) ?? new Map<string, string>()
    this.#cookies.set(origin, known)
    return known
  }

  /** A page, with the redirects to it. A form of another site takes no cookies along, as those that are Lax or Strict do not go. */
  async open(url: string, form?: URLSearchParams, from = new URL(url).origin): Promise<FormPage> {
    let [at, body] = [url, form]
    for (let step = 0; step < 12; step++) {
      const { origin } = new URL(at)
      const jar = this.cookiesOf(origin)
      const isCrossSitePost = body !== undefined && origin !== from
      const cookie = isCrossSitePost ? '' : [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const response = await this.#fetch(at, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { cookie, accept: 'text/html', ...(body === undefined ? {} : { 'content-type': FORM }) },
        ...(body === undefined ? {} : { body: body.toString() }),
        redirect: 'manual',
      })
      // `fetchWithCa` joins what it was given several of.
      for (const text of (response.headers.get('set-cookie') ?? '').split(/, (?=[\w.-]+=)/)) {
        const [, name, value = ''] = /^([^=;\s]+)=([^;]*)/.exec(text) ?? []
        if (name === undefined) continue
        if (value === '' || /max-age=0\b/i.test(text)) jar.delete(name)
        else jar.set(name, value)
      }
      const location = response.headers.get('location')
      if (location === null) return { url: at, status: response.status, html: await response.text() }
      ;[at, body] = [new URL(location, at).href, undefined]
    }
    throw new Error(`too many redirects: ${at}`)
  }

  /** Sends the first form of a page, with its hidden fields and these. */
  submit(page: FormPage, fields: Readonly<Record<string, string>> = {}): Promise<FormPage> {
    const action = /<form[^>]*action="([^"]*)"/i.exec(page.html)?.[1]
    if (action === undefined) throw new Error(`no form at ${page.url}: ${page.html.slice(0, 2000)}`)
    const form = new URLSearchParams()
    for (const [input] of page.html.matchAll(/<input[^>]*>/gi)) {
      const name = /\bname="([^"]*)"/i.exec(input)?.[1]
      if (name !== undefined) form.set(name, plain(/\bvalue="([^"]*)"/i.exec(input)?.[1] ?? ''))
    }
    for (const [name, value] of Object.entries(fields)) form.set(name, value)
    return this.open(new URL(plain(action), page.url).href, form, new URL(page.url).origin)
  }
}

const plain = (text: string): string =>
  text
    .replace(/&(?:amp|#38);/g, '&')
    .replace(/&#(x?)([\da-f]+);/gi, (_all, hex: string, code: string) =>
      String.fromCodePoint(Number.parseInt(code, hex === '' ? 10 : 16)),
    )
const FORM = 'application/x-www-form-urlencoded'
