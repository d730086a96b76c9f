import { Component, type ComponentChildren } from 'preact'

/** A page that cannot be drawn says so, and takes nothing else with it. */
export class Boundary extends Component<{ children: ComponentChildren }, { readonly failed: boolean }> {
  override state = { failed: false }

  static override getDerivedStateFromError(): { readonly failed: boolean } {
    return { failed: true }
  }

  override render() {
    if (!this.state.failed) return this.props.children
    return (
      <div class="note bad" role="alert">
        <p>Something went wrong on this page.</p>
        <p class="small row">
          <button type="button" class="link" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      </div>
    )
  }
}
