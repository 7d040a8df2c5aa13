package msf

import (
	"context"
	"fmt"

	"drey/app"
	msf "drey/model/kinesisanalyticsv2"
)

var errOneVPC = msf.InvalidArgumentException.Errorf("Kinesis Analytics currently supports only 1 VPC configuration(s)")

func noVPC(id string) error {
	return msf.ResourceNotFoundException.Errorf("The VPC configuration %s does not exist", id)
}

// newVPC reads a VPC configuration. Subnets and security groups have to look like ones: there is no EC2 here to ask.
func newVPC(id string, in *msf.VpcConfiguration) (app.VPC, error) {
	v := app.VPC{ID: id, Subnets: in.SubnetIds, SecurityGroups: in.SecurityGroupIds}
	return v, checkVPC(&v)
}

func vpcDescription(v *app.VPC) *msf.VpcConfigurationDescription {
	return &msf.VpcConfigurationDescription{VpcConfigurationId: &v.ID, VpcId: new(localVPC), SubnetIds: v.Subnets, SecurityGroupIds: v.SecurityGroups}
}

// localVPC stands for the one network that a machine has.
const localVPC = "vpc-local"

// AddApplicationVpcConfiguration makes a version with a VPC configuration.
func (s *Service) AddApplicationVpcConfiguration(ctx context.Context, in *msf.AddApplicationVpcConfigurationInput) (*msf.AddApplicationVpcConfigurationOutput, error) {
	a, op, err := s.reconfigure(ctx, in.ApplicationName, in.CurrentApplicationVersionId, in.ConditionalToken, func(a *app.Application, c *app.Configuration) error {
		if len(c.VPC) > 0 {
			return errOneVPC
		}
		v, err := newVPC(fmt.Sprintf("%d.1", a.Next()), in.VpcConfiguration)
		c.VPC = []app.VPC{v}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &msf.AddApplicationVpcConfigurationOutput{
		ApplicationARN: &a.ARN, ApplicationVersionId: &a.Version.ID, VpcConfigurationDescription: vpcDescription(&a.Version.Configuration.VPC[0]), OperationId: &op.ID,
	}, nil
}

// DeleteApplicationVpcConfiguration makes a version without the VPC configuration.
func (s *Service) DeleteApplicationVpcConfiguration(ctx context.Context, in *msf.DeleteApplicationVpcConfigurationInput) (*msf.DeleteApplicationVpcConfigurationOutput, error) {
	a, op, err := s.reconfigure(ctx, in.ApplicationName, in.CurrentApplicationVersionId, in.ConditionalToken, func(_ *app.Application, c *app.Configuration) error {
		if len(c.VPC) == 0 || c.VPC[0].ID != *in.VpcConfigurationId {
			return noVPC(*in.VpcConfigurationId)
		}
		c.VPC = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &msf.DeleteApplicationVpcConfigurationOutput{ApplicationARN: &a.ARN, ApplicationVersionId: &a.Version.ID, OperationId: &op.ID}, nil
}

// changeVPC changes the entries that an update names.
func changeVPC(c *app.Configuration, updates []msf.VpcConfigurationUpdate) error {
	for _, u := range updates {
		if len(c.VPC) == 0 || c.VPC[0].ID != *u.VpcConfigurationId {
			return noVPC(*u.VpcConfigurationId)
		}
		if u.SubnetIdUpdates != nil {
			c.VPC[0].Subnets = u.SubnetIdUpdates
		}
		if u.SecurityGroupIdUpdates != nil {
			c.VPC[0].SecurityGroups = u.SecurityGroupIdUpdates
		}
		if err := checkVPC(&c.VPC[0]); err != nil {
			return err
		}
	}
	return nil
}

func checkVPC(v *app.VPC) error {
	for _, kind := range []struct {
		prefix, what string
		ids          []string
	}{{"subnet-", "subnet", v.Subnets}, {"sg-", "security group", v.SecurityGroups}} {
		for _, id := range kind.ids {
			if len(id) <= len(kind.prefix) || id[:len(kind.prefix)] != kind.prefix {
				return msf.InvalidArgumentException.Errorf("The %s ID '%s' is not valid", kind.what, id)
			}
		}
	}
	return nil
}
