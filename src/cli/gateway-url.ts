import { UsageError } from '../shared/errors.ts'
import { isLoopback } from '../shared/loopback.ts'

/** `pam.example.com` means https; what a gateway's address has no place for is refused rather than dropped. */
export function normalGateway(text: string, origin = '--gateway'): string {
  const hint = 'expected a URL such as https://pam.example.com'
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase() ?? 'https'
  const rest = text.replace(/^[a-z][a-z\d+.-]*:\/\//i, '')
  if (scheme !== 'https' && scheme !== 'http')
    throw new UsageError(`${origin} ${text}: expected https://, not ${scheme}://`, hint)
  // URL would take white space, and a backslash for a slash.
  if (/[\s\\]/.test(text) || !URL.canParse(`${scheme}://${rest}`))
    throw new UsageError(`"${text}" is not a valid gateway URL`, hint)
  const url = new URL(`${scheme}://${rest}`)
  const extra =
    url.username !== '' || url.password !== '' || rest.includes('@')
      ? 'a user name or password'
      : /[?#]/.test(rest)
        ? 'a query or fragment'
        : url.pathname !== '/'
          ? 'a path'
          : undefined
  if (extra !== undefined) throw new UsageError(`a gateway URL cannot contain ${extra}`, hint)
  if (scheme === 'http' && !isLoopback(url.hostname))
    throw new UsageError(`${text}: plain http is allowed for loopback addresses only`, 'use https')
  return url.origin
}
