import { defineConfig } from 'vitest/config'

// One smoke file shows that the package works in vitest's pools; Jest runs the suite.
export default defineConfig({
  test: { include: ['__test__/smoke/*.smoke.mjs'], testTimeout: 60_000 },
})
