/**
 * The arguments of curl, wget or HTTPie in which a path stands for a URL of the target: `/api/x` becomes `http://127.0.0.1:20123/api/x`. What follows an option
 * that may take a value is left as it is, since it may be a file.
 */
export function withUrls(program: string, args: readonly string[], base: string): string[] {
  const flags = FLAGS[program]
  if (flags === undefined) return [...args]
  let mayBeValue = false
  let areOperands = false
  return args.map((argument) => {
    const isOption = !areOperands && argument.startsWith('-') && argument !== '-'
    if (argument === '--') areOperands = true
    const isPath = argument.startsWith('/') && !argument.startsWith('//')
    const isUrl = isPath && !mayBeValue
    mayBeValue = isOption && !isFlag(argument, flags)
    return isUrl ? base + argument : argument
  })
}

function isFlag(option: string, { long, short }: Flags): boolean {
  if (option === '--' || option.includes('=')) return true
  if (option.startsWith('--')) return option.startsWith('--no-') || long.has(option.slice(2))
  // Flags in one word; the last may have its value in the word, or behind it.
  return Array.from(option.slice(1)).every((letter) => short.has(letter))
}

interface Flags {
  /** Options that take no value. */
  readonly long: ReadonlySet<string>
  readonly short: ReadonlySet<string>
}

const flagsOf = (short: string, long: string): Flags => ({
  short: new Set(short),
  long: new Set(long.trim().split(/\s+/)),
})
const CURL = flagsOf(
  '0123456afgGiIjJkLlMnNOpqRsSvVZ#:',
  `anyauth append basic compressed create-dirs digest disable disable-eprt disable-epsv fail fail-early fail-with-body false-start
  form-escape get globoff head http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3 ignore-content-length include insecure ipv4 ipv6
  junk-session-cookies list-only location location-trusted manual metalink negotiate netrc netrc-optional next ntlm parallel
  parallel-immediate path-as-is post301 post302 post303 progress-bar raw remote-header-name remote-name remote-name-all remote-time
  remove-on-error show-error show-headers silent skip-existing ssl styled-output suppress-connect-headers tcp-fastopen tcp-nodelay tr-encoding
  trace-ids trace-time use-ascii verbose version xattr`,
)
const WGET = flagsOf(
  '46bcdFhHkKLmNpqrSvVxE',
  `background continue quiet verbose server-response spider recursive mirror timestamping content-on-error content-disposition
  trust-server-names inet4-only inet6-only adjust-extension ignore-length save-headers debug force-directories convert-links page-requisites
  span-hosts relative show-progress`,
)
const HTTPIE = flagsOf(
  'bcdfhFIjmSv46',
  `json form multipart follow body headers meta verbose stream download continue ignore-stdin check-status offline quiet compress all
  raw-headers debug traceback chunked`,
)

const FLAGS: Readonly<Record<string, Flags>> = { curl: CURL, wget: WGET, http: HTTPIE, https: HTTPIE }
