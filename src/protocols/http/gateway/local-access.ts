import { timingSafeEqual } from 'node:crypto'
import { PamError } from '../../../shared/errors.ts'
import { digestOf, type Announcement } from '../local/announcement.ts'
import { isHostOf } from '../local/local-host.ts'
import type { RequestHead } from '../server/exchange.ts'
import { valueOf, valuesOf } from '../wire/headers.ts'

/**
 * Whether a request comes from somebody who was told the secret of the port; why not, where it does not. Looked at before anything else is: a page in
 * a browser can send requests here, under a name of its own that leads to this machine, or as those of another page.
 */
export function localRefusal({ host, headers }: RequestHead, { port, digest }: Announcement): PamError | undefined {
  if (!isHostOf(host, port, 80))
    return new PamError('PROTOCOL_VIOLATION', 'the request is for another host than this local port')
  if (headers.some(([name]) => name === 'sec-fetch-site' || name === 'sec-fetch-dest'))
    return new PamError('FEATURE_REFUSED', 'this local port is not for browsers: a page of any site could use it', {
      hint: 'use a program such as curl: pamctl connect NAME -- curl /path',
    })
  const origins = [...valuesOf(headers, 'origin'), ...valuesOf(headers, 'referer')]
  if (origins.some((text) => !isOwn(text, port)))
    return new PamError('FEATURE_REFUSED', 'the request comes from a page of another site')
  return digest !== undefined && carriesSecret(headers, digest) ? undefined : secretMissing()
}

const secretMissing = (): PamError =>
  new PamError('PORT_SECRET', 'the secret of this local port is missing or wrong', {
    hint: 'start the program with "pamctl connect NAME -- PROGRAM", which has it in PAMCTL_SECRET, or use the file for "curl --config" that "pamctl connect NAME" prints',
  })

/** As a password, with any user name, or as a bearer token. */
function carriesSecret(headers: RequestHead['headers'], digest: Buffer): boolean {
  const [, scheme = '', given = ''] = /^(\w+) +([\w+/=.~-]+)$/.exec(valueOf(headers, 'authorization') ?? '') ?? []
  const isBasic = scheme.toLowerCase() === 'basic'
  if (!isBasic && scheme.toLowerCase() !== 'bearer') return false
  const secret = isBasic
    ? Buffer.from(given, 'base64')
        .toString('utf8')
        .replace(/^[^:]*:/, '')
    : given
  return timingSafeEqual(digestOf(secret), digest)
}

const isOwn = (text: string, port: number): boolean =>
  URL.canParse(text) && new URL(text).protocol === 'http:' && isHostOf(new URL(text).host, port, 80)
