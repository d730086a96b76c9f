import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Target } from '../../api/schemas/access.ts'
import type {
  ClientHalf,
  ClientStart,
  EnvironmentStart,
  HowToConnect,
  ListenerInfo,
  PreparedClient,
} from '../client-half.ts'
import { needOpenPort } from '../need-open-port.ts'
import { LOOPBACK, writeClientFiles } from './client/client-files.ts'
import { withUrls } from './client/url-arguments.ts'

/** The URL and the secret, each where the program looks for it; a path among its arguments is one of the target. */
function prepare({ program, args, target, listener, environment: inherited }: ClientStart): PreparedClient {
  needOpenPort(listener, target)
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  return {
    args: withUrls(basename(program), args, urlOf(listener)),
    environment: variables({ target, listener, directory, inherited }),
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function variables({ listener, directory, inherited }: EnvironmentStart): NodeJS.ProcessEnv {
  const { netrc, curlHome, wgetrc } = writeClientFiles(directory, listener)
  const environment: NodeJS.ProcessEnv = { ...inherited }
  delete environment['PAMCTL_TOKEN']
  // A proxy on the way would have the secret.
  const proxied = (inherited['NO_PROXY'] ?? inherited['no_proxy'] ?? '').split(',').filter((name) => name !== '')
  const direct = [...new Set([...proxied, ...LOOPBACK])].join(',')
  return {
    ...environment,
    PAMCTL_URL: urlOf(listener),
    PAMCTL_SECRET: listener.secret,
    CURL_HOME: curlHome,
    NETRC: netrc,
    WGETRC: wgetrc,
    NO_PROXY: direct,
    no_proxy: direct,
  }
}

/** The URL of the port, and the files in which programs find its secret. */
function describe(target: Target, listener: ListenerInfo, directory: string): HowToConnect {
  const url = urlOf(listener)
  const { curlConfig, netrc, wgetrc } = writeClientFiles(join(directory, `http-${target.name}`), listener)
  return {
    json: {
      host: listener.host,
      port: listener.port,
      url,
      secret: listener.secret,
      curlConfig,
      netrc,
      wgetrc,
      ...(target.appUrl === undefined ? {} : { appUrl: target.appUrl }),
    },
    lines: [
      `${target.name} is at ${url}; any user name, the password is in the netrc file`,
      `  curl --config ${curlConfig} ${url}/`,
      `  WGETRC=${wgetrc} wget -qO- ${url}/`,
      `  NETRC=${netrc} for HTTPie, Python's requests and others that read it`,
      `  or let pamctl start the program: pamctl connect ${target.name} -- curl /`,
      ...(target.appUrl === undefined ? [] : [`  in a browser, without this port: ${target.appUrl}`]),
    ],
  }
}

const urlOf = ({ host, port }: ListenerInfo): string => `http://${host}:${port}`

export const httpClient: ClientHalf = {
  listens: true,
  programs: new Set(['curl', 'wget', 'http', 'https']),
  prepare,
  environment: variables,
  describe,
}
