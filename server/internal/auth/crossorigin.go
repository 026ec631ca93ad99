package auth

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// CrossOrigin refuses every request that another site's page makes and that
// could change something. Requests without a browser's headers pass: boxes
// send none. trusted are further origins that people use, such as the public
// URL where a proxy changes the Host. It must not be skipped for any route.
func CrossOrigin(trusted ...string) (echo.MiddlewareFunc, error) {
	guard := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := guard.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trust the origin %q: %w", origin, err)
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := guard.Check(c.Request()); err != nil {
				refusal := model.Refuse(protocol.CodeForbidden,
					"This request came from another website, so nothing was changed.",
					"Open the page here and do it again.")
				refusal.Wrapped = err
				return refusal
			}
			return next(c)
		}
	}, nil
}
