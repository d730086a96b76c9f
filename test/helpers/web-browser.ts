import { DEMO_PEOPLE } from '../../src/demo/setup.ts'

/** What one call came back with. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
  /** Of a problem. */
  readonly code: string | undefined
}

/** The least that a browser is: cookies for each host, redirects and forms, by hand. */
export class WebBrowser {
  readonly cookies = new Map<string, string>()
  /** Every Set-Cookie header of the gateway, as it came. */
  readonly setCookies: string[] = []
  readonly #gateway: string
  /** Of the provider: by name and path. */
  readonly #others = new Map<string, { name: string; path: string; value: string }>()

  constructor(gateway: string) {
    this.#gateway = gateway
  }

  cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async signIn(who: keyof typeof DEMO_PEOPLE, { fresh = false } = {}): Promise<void> {
    const { answer } = await this.signInUpTo(who, fresh)
    const { status, html } = await this.open(answer)
    if (status !== 200) throw new Error(`the sign-in ends with ${status}: ${html}`)
  }

  /** Up to where the provider sends the browser back, which is not opened. */
  async signInUpTo(who: keyof typeof DEMO_PEOPLE, fresh = true): Promise<{ answer: string }> {
    let url = `${this.#gateway}/auth/sign-in?fresh=${fresh}`
    let form: URLSearchParams | undefined
    for (let step = 0; step < 12; step++) {
      const response = await this.#fetch(url, form)
      form = undefined
      const location = response.headers.get('location')
      if (location !== null) {
        url = new URL(location, url).href
        if (url.startsWith(`${this.#gateway}/auth/callback`)) return { answer: url }
        continue
      }
      const html = await response.text()
      const action = /<form[^>]*action="([^"]*)"/.exec(html)?.[1]
      if (action === undefined) throw new Error(`no form: ${html}`)
      const { email, password } = DEMO_PEOPLE[who]
      const hidden = [...html.matchAll(/<input[^>]*name="(\w+)"[^>]*value="([^"]*)"/g)].map(
        ([, name = '', value = '']): [string, string] => [name, value],
      )
      form = new URLSearchParams(html.includes('name="email"') ? { email, password } : hidden)
      url = new URL(action, url).href
    }
    throw new Error('the sign-in does not end')
  }

  /** A page, with the redirects to it. */
  async open(url: string): Promise<{ status: number; html: string }> {
    for (let at = url, step = 0; step < 8; step++) {
      const response = await this.#fetch(at, undefined)
      const location = response.headers.get('location')
      if (location === null) return { status: response.status, html: await response.text() }
      at = new URL(location, at).href
    }
    throw new Error('too many redirects')
  }

  async json(
    path: string,
    options: { method?: string; body?: unknown; raw?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { method = 'GET', body, raw, headers } = options
    const response = await fetch(this.#gateway + path, {
      method,
      headers: {
        cookie: this.cookieHeader(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? (raw === undefined ? {} : { body: raw }) : { body: JSON.stringify(body) }),
      redirect: 'manual',
    })
    this.#keep(this.#gateway, response)
    const text = await response.text()
    const parsed: unknown = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text
    const code = (parsed as { code?: string } | null)?.code
    return { status: response.status, headers: response.headers, body: parsed, code }
  }

  /** A change as a page of the gateway makes it. */
  async change(path: string, method: string, body?: unknown): Promise<Answer> {
    const { csrf } = (await this.json('/v1/web-session')).body as { csrf: string }
    return this.json(path, { method, body, headers: { origin: this.#gateway, 'pam-csrf': csrf } })
  }

  async #fetch(url: string, form: URLSearchParams | undefined): Promise<Response> {
    const { origin, pathname } = new URL(url)
    const others = [...this.#others.values()].filter(({ path }) => pathname.startsWith(path))
    const cookie =
      origin === this.#gateway ? this.cookieHeader() : others.map(({ name, value }) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { cookie, accept: 'text/html' },
      ...(form === undefined ? {} : { body: form }),
      redirect: 'manual',
    })
    this.#keep(origin, response)
    return response
  }

  #keep(origin: string, response: Response): void {
    for (const text of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
      const path = /path=([^;]+)/i.exec(text)?.[1] ?? '/'
      const isGone = value === '' || /max-age=0\b|expires=Thu, 01 Jan 1970/i.test(text)
      if (origin === this.#gateway) {
        this.setCookies.push(text)
        if (isGone) this.cookies.delete(name)
        else this.cookies.set(name, value)
      } else if (isGone) this.#others.delete(`${name} ${path}`)
      else this.#others.set(`${name} ${path}`, { name, path, value })
    }
  }
}
