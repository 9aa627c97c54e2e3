// The provider without its front door: importing that one prints that it does not know this runtime.

declare module "oidc-provider/lib/provider.js" {
  export { Provider } from "oidc-provider";
}
