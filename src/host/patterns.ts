import type { CheckPattern } from '../policy/patterns.ts'

export const checkCommandLine: CheckPattern = (pattern) => {
  const words = pattern.split(/\s+/).filter((word) => word !== '')
  const [program] = words
  if (program === undefined) return 'expected a command line'
  if (words.slice(0, -1).includes('...')) return `"${pattern}": ... is for the last word`
  if (program === '...') return `"${pattern}" names no program`
  return checkProgram(program)
}

export const checkProgram: CheckPattern = (pattern) => {
  if (/\s/.test(pattern))
    return `"${pattern}" has blanks: a program is one word; its arguments go into arguments or commands`
  if (pattern.endsWith('/')) return `"${pattern}" is a directory: expected the name of a program, or its path`
  if (pattern.includes('/') && pattern.includes('*'))
    return `"${pattern}": a program by its path is matched exactly, without *`
  return undefined
}

export const checkPath: CheckPattern = (pattern) => {
  if (pattern.startsWith('~')) return `"${pattern}": expected an absolute path; ~ is not read`
  if (!pattern.startsWith('/') && pattern !== '**') return `"${pattern}": expected an absolute path`
  if (pattern.split('/').some((name) => name === '.' || name === '..'))
    return `"${pattern}": paths are compared once . and .. are resolved: write it without them`
  return undefined
}

export const checkHost: CheckPattern = (pattern) => {
  if (pattern.includes('/')) return `"${pattern}": expected host:port, not a URL or a network`
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(pattern)
  if (match === null) return `"${pattern}": expected host:port, with an IPv6 address in brackets`
  const [, v6, name, port] = match
  const host = v6 ?? name ?? ''
  if (host === '') return `"${pattern}" names no host: write *:${port ?? 'port'} for any`
  if (/[^\w.*:%-]/.test(host)) return `"${pattern}": "${host}" is not the name or address of a host`
  if (host.endsWith('.')) return `"${pattern}": write the host without the dot at its end`
  if (port !== undefined && port !== '*' && !isPort(port))
    return `"${pattern}": the port is a number up to 65535, or * for any`
  return undefined
}

/** 0 asks the target to choose one (RFC 4254, 7.1). */
const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
