/** The player's source: a recording as text, or a live terminal. */
export type TerminalSource = { readonly data: string } | ((player: Player) => Driver)

interface Player {
  readonly dispatch: (event: string, data?: unknown) => void
}

interface Driver {
  init(): void
  play(): boolean
  getTiming(): { readonly time: number; readonly rate: number }
  stop(): void
}

export interface LiveTerminal {
  readonly source: TerminalSource
  /** Bytes in base64. */
  write(data: string): void
  resize(columns: number, rows: number): void
  close(): void
}

export interface ShownTerminal {
  seek(seconds: number): void
  dispose(): void
}

/** Loads the player on first use. Returns a function that removes it. */
export function showTerminal(
  source: TerminalSource,
  element: HTMLElement,
  { live, ready }: { live: boolean; ready?: (shown: ShownTerminal) => void },
): () => void {
  let gone = false
  let dispose = (): void => {}
  void import('./player.ts').then(({ create }) => {
    if (gone) return
    const player = create(source as { data: string }, element, {
      fit: 'width',
      idleTimeLimit: live ? 1e6 : 2,
      autoPlay: live,
      controls: !live,
      theme: 'asciinema',
      ...(live ? {} : { preload: true, poster: 'npt:0:01' }),
    })
    dispose = () => player.dispose()
    ready?.({
      // A player that was never started shows its poster.
      seek: (seconds) =>
        void player
          .play()
          .then(() => player.seek(seconds))
          .then(() => player.pause()),
      dispose,
    })
  })
  return () => {
    gone = true
    dispose()
  }
}

/** A terminal to write to; output that arrives before it is drawn is kept. */
export function liveTerminal(): LiveTerminal {
  const decoder = new TextDecoder()
  let player: Player | undefined
  let size = { cols: 80, rows: 24 }
  let kept = ''
  return {
    source: (made) => ({
      init() {
        player = made
        made.dispatch('reset', { size, init: kept })
        kept = ''
      },
      play() {
        made.dispatch('play')
        made.dispatch('playing')
        return true
      },
      getTiming: () => ({ time: 0, rate: 0 }),
      stop() {},
    }),
    write(data) {
      const text = decoder.decode(
        Uint8Array.from(atob(data), (char) => char.charCodeAt(0)),
        { stream: true },
      )
      if (player === undefined) kept = (kept + text).slice(-MAX_KEPT)
      else player.dispatch('output', text)
    },
    resize(cols, rows) {
      size = { cols, rows }
      player?.dispatch('resize', size)
    },
    close() {
      player = undefined
    },
  }
}

const MAX_KEPT = 1_000_000
