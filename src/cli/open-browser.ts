import { spawn, type ChildProcess } from 'node:child_process'

/**
 * Opens a page where there is a screen; undefined where there is none. The URL may come from elsewhere: it is an argument, never a shell's text,
 * and of http or https.
 */
export function openBrowser(url: string, environment: NodeJS.ProcessEnv): ChildProcess | undefined {
  if (!/^https?:\/\//.test(url)) return undefined
  const screen =
    process.platform !== 'linux' || environment['DISPLAY'] !== undefined || environment['WAYLAND_DISPLAY'] !== undefined
  if (!screen) return undefined
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url]
  const { PAMCTL_TOKEN: _token, ...forBrowser } = environment
  const child = spawn(command, args, { stdio: 'ignore', detached: true, env: forBrowser })
  child.on('error', () => {})
  child.unref()
  return child
}
