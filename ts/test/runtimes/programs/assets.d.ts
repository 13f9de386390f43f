/** Files that the bundler of the test programs puts into the bundle as bytes. */
declare module '*.safetensors' {
  const bytes: Uint8Array;
  export default bytes;
}
