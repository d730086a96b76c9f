/**
 * The arguments of curl, wget or HTTPie in which a path stands for a URL of the target: `/api/x` becomes `http://127.0.0.1:20123/api/x`. The value of an option
 * is left as it is, since it may be a file (`-o /tmp/x`, but `-o/tmp/x /api/x`); that of curl's `--url` is a URL.
 */
export function withUrls(program: string, args: readonly string[], base: string): string[] {
  const flags = FLAGS[program]
  if (flags === undefined) return [...args]
  let next: Role = 'operand'
  let areOperands = false
  return args.map((argument) => {
    const role = next
    next = 'operand'
    if (role === 'value') return argument
    if (argument === '--') areOperands = true
    else if (!areOperands && argument.startsWith('-')) next = roleBehind(argument, flags)
    const isPath = argument.startsWith('/') && !argument.startsWith('//')
    return isPath && role !== 'maybe value' ? base + argument : argument
  })
}

/** What an argument is because of the one before it. */
type Role = 'operand' | 'value' | 'maybe value'

function roleBehind(option: string, { long, short }: Flags): Role {
  if (option.startsWith('--')) {
    const isFlag = option.includes('=') || option.startsWith('--no-') || long.has(option.slice(2))
    return isFlag || option === '--url' ? 'operand' : 'maybe value'
  }
  // Flags may share a word with one option that takes a value: the rest of the word, or else the next argument (POSIX, Utility Conventions, guideline 5).
  const letters = option.slice(1)
  const index = Array.from(letters).findIndex((letter) => !short.has(letter))
  return index === -1 || index < letters.length - 1 ? 'operand' : 'value'
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
  '0123456aBfgGiIjJkLlMnNOpqRsSvVZ#:',
  `anyauth append basic ca-native cert-status compressed compressed-ssh create-dirs crlf digest disable disable-eprt disable-epsv
  disallow-username-in-url doh-cert-status doh-insecure fail fail-early fail-with-body false-start form-escape get globoff haproxy-protocol
  head http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3 http3-only ignore-content-length include insecure ipv4 ipv6
  junk-session-cookies list-only location location-trusted manual metalink negotiate netrc netrc-optional next ntlm ntlm-wb parallel
  parallel-immediate path-as-is post301 post302 post303 progress-bar proxytunnel raw remote-header-name remote-name remote-name-all
  remote-time remove-on-error retry-all-errors retry-connrefused show-error show-headers silent skip-existing ssl ssl-reqd styled-output
  suppress-connect-headers tcp-fastopen tcp-nodelay tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding trace-ids trace-time use-ascii verbose
  version xattr`,
)
const WGET = flagsOf(
  '46bcdFhHkKLmNpqrSvVxE',
  `adjust-extension ask-password auth-no-challenge background backup-converted content-disposition content-on-error continue convert-file-only
  convert-links debug delete-after follow-ftp force-directories force-html https-only ignore-case ignore-length inet4-only inet6-only
  keep-session-cookies mirror page-requisites protocol-directories quiet random-wait recursive relative retry-connrefused save-headers
  server-response show-progress span-hosts spider strict-comments timestamping trust-server-names unlink verbose xattr`,
)
const HTTPIE = flagsOf(
  'bcdfhFIjmSvx46',
  `json form multipart follow body headers meta verbose stream download continue ignore-stdin check-status offline quiet compress all
  raw-headers debug traceback chunked`,
)

const FLAGS: Readonly<Record<string, Flags>> = { curl: CURL, wget: WGET, http: HTTPIE, https: HTTPIE }
