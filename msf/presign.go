package msf

import (
	"context"
	"time"

	"drey/app"
	msf "drey/model/kinesisanalyticsv2"
)

const defaultSession = 12 * time.Hour

// CreateApplicationPresignedUrl gives a link to the Flink dashboard of a running application. It has to be used within three
// minutes, and is good for the session's time from then on.
func (s *Service) CreateApplicationPresignedUrl(ctx context.Context, in *msf.CreateApplicationPresignedUrlInput) (*msf.CreateApplicationPresignedUrlOutput, error) {
	k := key(ctx, in.ApplicationName)
	a, err := s.load(ctx, k)
	if err != nil {
		return nil, err
	}
	if in.UrlType != msf.UrlTypeFLINK_DASHBOARD_URL {
		return nil, msf.InvalidArgumentException.Errorf("UrlType %s is not valid for the application %s: the only valid type is FLINK_DASHBOARD_URL", in.UrlType, a.Name)
	}
	if err := allow(a, app.ToPresign); err != nil {
		return nil, err
	}
	life := defaultSession
	if in.SessionExpirationDurationInSeconds != nil {
		life = time.Duration(*in.SessionExpirationDurationInSeconds) * time.Second
	}
	url, err := s.Dashboard(ctx, k, life)
	if err != nil {
		return nil, err
	}
	return &msf.CreateApplicationPresignedUrlOutput{AuthorizedUrl: &url}, nil
}
