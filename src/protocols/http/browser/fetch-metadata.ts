import { PamError } from '../../../shared/errors.ts'
import type { Exchange, RequestHead } from '../server/exchange.ts'
import { valueOf, valuesOf } from '../wire/headers.ts'

/** What a browser says of where a request comes from (Fetch Metadata, w3.org/TR/fetch-metadata). Scripts cannot set it. */
export interface FetchMetadata {
  readonly site: string
  readonly mode: string
  readonly dest: string
}

/** Undefined where it is not there in full. */
function fetchMetadata({ headers }: Pick<RequestHead, 'headers'>): FetchMetadata | undefined {
  const [site, mode, dest] = ['site', 'mode', 'dest'].map((name) => valueOf(headers, `sec-fetch-${name}`))
  return site === undefined || mode === undefined || dest === undefined ? undefined : { site, mode, dest }
}

/** Whether the answer is shown as the page of a tab. */
export const isNavigation = (head: Pick<RequestHead, 'headers'>): boolean => {
  const metadata = fetchMetadata(head)
  return metadata?.mode === 'navigate' && metadata.dest === 'document'
}

/** Why a request of a browser is not looked at, by the page that it comes from; `origin` is the target's own. */
export const foreignRefusal = (
  { request, upgrade }: Pick<Exchange, 'request' | 'upgrade'>,
  origin: string,
): PamError | undefined =>
  upgrade === undefined ? crossSiteRefusal(request, origin) : webSocketRefusal(request, upgrade, origin)

/**
 * Whether a page of the target's own asks for a WebSocket; why not, where none does. Browsers let any page open one to any host, with the cookies of that
 * host's site, and say in `Origin` alone whose page it is (RFC 6455, section 10.2); Chromium sends no Fetch Metadata here.
 */
function webSocketRefusal({ headers }: RequestHead, upgrade: string, origin: string): PamError | undefined {
  if (upgrade.toLowerCase() !== 'websocket')
    return new PamError('FEATURE_REFUSED', 'WebSocket is the only other protocol that is supported for browsers')
  const [from, ...more] = valuesOf(headers, 'origin')
  if (from === undefined)
    return new PamError('FEATURE_REFUSED', 'the request for a WebSocket does not say which page it comes from', {
      hint: 'programs use a local port: pamctl connect NAME',
    })
  const sites = valuesOf(headers, 'sec-fetch-site')
  return from === origin && more.length === 0 && sites.every((site) => site === 'same-origin')
    ? undefined
    : new PamError('CSRF_REFUSED', 'the request comes from a page of another site')
}

/**
 * Whether a request comes from the target's own pages, or from nobody but the person at the browser; why not, where it does not. Another site may lead
 * to a page, as links do, and do nothing else: its forms, frames, images and scripts are refused, also those of other targets, whose hosts are
 * of the same site.
 */
export function crossSiteRefusal(head: RequestHead, origin: string): PamError | undefined {
  const metadata = fetchMetadata(head)
  if (metadata === undefined)
    return new PamError('FEATURE_REFUSED', 'this host is for browsers that say where a request comes from', {
      hint: 'update the browser; programs use a local port: pamctl connect NAME -- curl /path',
    })
  const { site, dest } = metadata
  if (dest === 'serviceworker' || valueOf(head.headers, 'service-worker') !== undefined)
    return new PamError(
      'FEATURE_REFUSED',
      'service workers are not supported: one would answer in place of the gateway',
    )
  const isReading = head.method === 'GET' || head.method === 'HEAD'
  const isOwn = site === 'same-origin' || site === 'none'
  if (!isOwn && !(isReading && isNavigation(head)))
    return new PamError('CSRF_REFUSED', 'the request comes from a page of another site')
  const origins = valuesOf(head.headers, 'origin')
  // Without a referrer, browsers write `null` for a page of the same origin.
  if (origins.some((value) => value !== origin && !(value === 'null' && site === 'same-origin')))
    return new PamError('CSRF_REFUSED', 'the request comes from a page of another site')
  return undefined
}
