/**
 * A person at a browser, for the tour and the tests: opens the link that the command line prints, follows the
 * sign-in pages, fills in their forms, and says yes. Real HTTP, cookies and forms; no script is run.
 */
export class Browser {
  readonly #cookies = new Map<string, string>()

  /** Signs in at a device link, or at another page that leads to forms. `deny` says no where the page asks. */
  async signIn(link: string, person: { email: string; password: string }, { deny = false } = {}): Promise<string> {
    let page = await this.#go(link, undefined)
    for (let step = 0; step < 8; step++) {
      const form = readForm(page.html)
      if (form === undefined) {
        const next = /<a class="button" href="([^"]*)"/.exec(page.html)?.[1]
        if (next === undefined) return page.html
        page = await this.#go(new URL(unescape(next), page.url).href, undefined)
        continue
      }
      if (form.fields.has('email')) {
        form.fields.set('email', person.email)
        form.fields.set('password', person.password)
      }
      if (deny && page.html.includes('name="abort"')) form.fields.set('abort', 'yes')
      page = await this.#go(new URL(form.action, page.url).href, form.fields, new URL(page.url).origin)
    }
    throw new Error(`the sign-in does not end: ${page.html}`)
  }

  /** What a page of its own asks for by a script, with its cookies. */
  get(url: string): Promise<Response> {
    return fetch(url, { headers: { cookie: this.#cookie(), 'sec-fetch-site': 'same-origin' } })
  }

  #cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Browsers say with a form which site it comes from. */
  async #go(url: string, form: URLSearchParams | undefined, origin = ''): Promise<{ url: string; html: string }> {
    let target = url
    let body = form
    for (let redirects = 0; redirects < 10; redirects++) {
      const response = await fetch(target, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          cookie: this.#cookie(),
          accept: 'text/html',
          ...(body === undefined ? {} : { origin }),
        },
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
      })
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
        if (name === undefined || value === undefined) continue
        if (value === '') this.#cookies.delete(name)
        else this.#cookies.set(name, value)
      }
      const location = response.headers.get('location')
      if (location === null) {
        const html = await response.text()
        if (response.status >= 400) throw new Error(`${response.status}: ${textOf(html)}`)
        return { url: target, html }
      }
      target = new URL(location, target).href
      body = undefined
    }
    throw new Error('too many redirects')
  }
}

function readForm(html: string): { action: string; fields: URLSearchParams } | undefined {
  const action = /<form[^>]*action="([^"]*)"/.exec(html)?.[1]
  if (action === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [input] of html.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1]
    if (name !== undefined) fields.set(name, unescape(/value="([^"]*)"/.exec(input)?.[1] ?? ''))
  }
  return { action: unescape(action), fields }
}

/** As far as the pages escape: by code, and `&amp;`. */
const unescape = (text: string): string =>
  text.replace(/&(?:amp|#(\d{1,4}));/g, (_all, code?: string) =>
    code === undefined ? '&' : String.fromCharCode(Number(code)),
  )

const textOf = (html: string): string =>
  html
    .replace(/<style>[\s\S]*?<\/style>|<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
