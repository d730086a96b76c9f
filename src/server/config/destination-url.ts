import { isLoopback } from '../../shared/loopback.ts'
import { plainUrl } from '../../shared/plain-url.ts'

/** Where something is sent. */
export const http = plainUrl.refine((url) => {
  if (!URL.canParse(url)) return true // said already
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || isLoopback(hostname)
}, 'expected https; http is for loopback only')
